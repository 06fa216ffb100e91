package lookup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
)

// Parts that make values look like those that are issued. No whole key is
// written here, so that nobody who searches for leaked ones finds any.
const (
	digits20 = "48120573916402857391"
	hex32    = "9f86d081884c7d659a2feaa0c55ad015"
	mixed24  = "aB3dE5fG7hJ9kL1mN2pQ4rS6"
	mixed40  = mixed24 + "tU8vW0xY2zA4bC6d"
)

// liveKeys are texts with a live credential, which is the part between ⟦ ⟧.
var liveKeys = []struct{ name, text string }{
	{"AWS access key", "AWS_ACCESS_KEY_ID=⟦AKIA" + "Q3EGRZ7XJ5KLM2NP⟧"},
	{"AWS secret key in a file", "aws_secret_access_key = ⟦wJalrXUtnFEMI/K7MDENG+bPxRfiCYzR9d2KqLmN⟧"},
	{"AWS secret key in JSON", `{"SecretAccessKey": "⟦wJalrXUtnFEMI/K7MDENG+bPxRfiCYzR9d2KqLmN⟧"}`},
	{"AWS session token", "X-Amz-Security-Token: ⟦IQoJb3JpZ2luX2VjEJr" + mixed40 + "⟧"},
	{"AWS presigned link", "https://b.s3.example/x?X-Amz-Credential=AKIA" + "Q3EGRZ7XJ5KLM2NP%2F20261120&X-Amz-Signature=⟦" + hex32 + hex32 + "⟧"},
	{"Stripe live", "⟦sk_live_51" + mixed24 + "⟧"},
	{"Stripe restricted", "⟦rk_live_51" + mixed24 + "⟧"},
	{"Stripe webhook", "⟦whsec_" + mixed24 + "⟧"},
	{"GitHub classic", "⟦ghp_" + mixed24 + "wXyZ0123456789ab⟧"},
	{"GitHub fine", "⟦github_pat_11AB" + mixed40 + "⟧"},
	{"GitLab", "⟦glpat-" + mixed24 + "⟧"},
	{"GitLab deploy", "⟦gldt-" + mixed24 + "⟧"},
	{"Slack bot", "⟦xoxb-2048120573-916402857391-" + mixed24 + "⟧"},
	{"Slack app", "⟦xapp-1-A04HX92LKQ7-916402857391-" + hex32 + "⟧"},
	{"Slack webhook", "post to https://hooks.slack.com/services/⟦T04HX92LK/B05JY83MN/" + mixed24 + "⟧"},
	{"OpenAI", "⟦sk-proj-" + mixed40 + "⟧"},
	{"OpenAI old", "⟦sk-" + mixed40 + "⟧"},
	{"OpenRouter", "⟦sk-or-v1-" + hex32 + hex32 + "⟧"},
	{"Anthropic", "⟦sk-ant-api03-" + mixed40 + "-_AA⟧"},
	{"Google API", "⟦AIza" + "SyB1x9" + mixed24 + "h7K2m⟧"},
	{"Google OAuth", "⟦ya29.a0AfB_" + mixed40 + "⟧"},
	{"Google client secret", "⟦GOCSPX-" + mixed24 + "aB3d⟧"},
	{"Google refresh token", "⟦1//0g" + mixed40 + "⟧"},
	{"Azure SAS", "https://a.blob.core.example/c?sv=2024-11-04&se=2026-12-01&sig=⟦kQ3v9Zx%2F" + mixed24 + "%3D⟧"},
	{"Azure storage", "DefaultEndpointsProtocol=https;AccountName=nw;AccountKey=⟦" + mixed40 + "+/==⟧;EndpointSuffix=x"},
	{"Azure bus", "Endpoint=sb://nw.example/;SharedAccessKeyName=Root;SharedAccessKey=⟦" + mixed40 + "=⟧"},
	{"Azure client secret", "client_secret: ⟦q7~8Q~" + mixed24 + "⟧"},
	{"Azure subscription key", "Ocp-Apim-Subscription-Key: ⟦" + hex32 + "⟧"},
	{"JWT", "⟦eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N⟧"},
	{"Bearer", "Authorization: ⟦Bearer " + mixed24 + "⟧"},
	{"Token", "Authorization: Token ⟦" + hex32 + "⟧"},
	{"Basic", "Authorization: ⟦Basic YWxhZGRpbjpvcGVuc2VzYW1lMTIz⟧"},
	{"curl -u", "curl -u admin:⟦hunter2hunter2⟧ https://api.example/x"},
	{"curl --user", "curl --user 'acme:⟦" + mixed24 + "⟧' https://api.example/x"},
	{"private key", "-----BEGIN RSA PRIVATE KEY-----\n⟦MIIEowIBAAKCAQEA" + mixed40 + "\n" + mixed40 + "⟧\n-----END RSA PRIVATE KEY-----"},
	{"OpenSSH key, cut off", "-----BEGIN OPENSSH PRIVATE KEY-----\n⟦b3BlbnNzaC1rZXktdjEAAAAABG5vbmUA" + mixed40 + "⟧\n"},
	{"private key in JSON", `"private_key": "-----BEGIN PRIVATE KEY-----\n⟦MIIEvQIBADANBgkq` + mixed40 + `⟧\n-----END PRIVATE KEY-----\n"`},
	{"Postgres link", "DATABASE_URL=postgres://app:⟦s3cr3tPassw0rd⟧@db.example:5432/app"},
	{"Mongo link", "mongodb+srv://root:⟦Hunter2!x⟧@cluster0.ab1cd.example/test"},
	{"Redis link", "redis://:⟦p4ssw0rdp4ss⟧@cache.example:6379/0"},
	{"link with a password", "https://deploy:⟦gT7kq29Lm⟧@git.example/nw/app.git"},
	{"link with a token", "https://x-access-token:⟦ghs_" + mixed24 + "wXyZ0123456789ab⟧@github.example/nw/app"},
	{"password in a connection", "Server=db;Database=nw;User Id=sa;Password=⟦Tr0ub4dor3xx⟧;"},
	{"dotenv", "DB_PASSWORD=⟦Tr0ub4dor3xx⟧"},
	{"cookie", "Cookie: theme=dark; sessionid=⟦" + hex32 + "⟧"},
	{"set-cookie", "< set-cookie: connect.sid=⟦s%3Aq7" + mixed24 + "." + mixed24 + "⟧; Path=/; HttpOnly"},
	{"curl cookie", "curl 'https://x.example' -b 'session=⟦" + hex32 + "⟧; theme=dark'"},
	{"SendGrid", "⟦SG." + mixed24[:22] + "." + mixed40 + "⟧"},
	{"Mailgun", "⟦key-" + hex32 + "⟧"},
	{"Mailchimp", "⟦" + hex32 + "-us21⟧"},
	{"Twilio", "TWILIO_AUTH_TOKEN=⟦" + hex32 + "⟧"},
	{"Shopify", "⟦shpat_" + hex32 + "⟧"},
	{"Square", "⟦sq0atp-" + mixed24[:22] + "⟧"},
	{"npm", "⟦npm_" + mixed24 + "wXyZ01234567⟧"},
	{"PyPI", "⟦pypi-AgEIcHlwaS5vcmc" + mixed40 + "⟧"},
	{"DigitalOcean", "⟦dop_v1_" + hex32 + hex32 + "⟧"},
	{"Hugging Face", "⟦hf_" + mixed24 + "aB3dE5fG7h⟧"},
	{"Groq", "⟦gsk_" + mixed40 + "⟧"},
	{"Linear", "⟦lin_api_" + mixed40 + "⟧"},
	{"Notion", "⟦ntn_" + digits20[:11] + mixed24 + "⟧"},
	{"Databricks", "⟦dapi" + hex32 + "⟧"},
	{"Vault", "⟦hvs.CAESI" + mixed40 + "⟧"},
	{"Atlassian", "⟦ATATT3xFfGF0" + mixed40 + "⟧"},
	{"Docker", "⟦dckr_pat_" + mixed24 + "aB3⟧"},
	{"Grafana", "⟦glsa_" + mixed24 + "aB3dE5fG_1a2b3c4d⟧"},
	{"Sentry", "⟦sntrys_eyJpYXQiOjE3MzIxMTEzNTV9_" + mixed40 + "⟧"},
	{"Sentry DSN", "dsn=https://⟦" + hex32 + "⟧:" + hex32 + "@o1.ingest.example/2"},
	{"Supabase", "⟦sbp_" + hex32 + "48120573⟧"},
	{"Discord", "DISCORD_TOKEN=⟦MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ." + mixed24 + "aB3⟧"},
	{"Telegram", "https://api.telegram.org/bot⟦4812057391:AAF" + mixed24 + "aB3dE5fG⟧/sendMessage"},
	{"New Relic", "⟦NRAK-" + "A1B2C3D4E5F6G7H8J9K0L1M2N3P⟧"},
	{"access token in a link", "https://app.example/cb#access_token=⟦" + mixed24 + "⟧&state=x"},
	{"token in a link", "https://app.example/reset?token=⟦" + mixed24 + "⟧"},
	{"x-api-key", "-H 'x-api-key: ⟦" + hex32 + "⟧'"},
	{"apiKey in JSON", `{"apiKey":"⟦` + hex32 + `⟧","region":"eu"}`},
	{"password in German", "Mein Passwort: ⟦Sommer2026!x⟧"},
	{"password in French", "mot de passe : ⟦Bonjour2026!⟧"},
	{"password in a sentence", "my password is ⟦Tr0ub4dor3xx⟧ if you need it"},
	{"age", "⟦AGE-SECRET-KEY-1" + "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7LQPZRY9X8GF2TVDW0S3JN54KHCE6⟧"},
}

// innocent have nothing that anybody must replace.
var innocent = []string{
	"request_id=req_8fKq21LmZp04", "X-Request-Id: " + hex32, "trace " + hex32, "sk_buff_alloc failed at 0x1234567890", "task-1234567890abcdef12345678",
	"basic subscription, ref 12345678", "Idempotency-Key: 5f0c1b7e-9a2d-4e83-b6f4-7d8c0e1a2b3f", "auth: request_id=req_8fKq21LmZp04", "error: auth req_8fKq21LmZp04",
	"Authentication failed: req_8fKq21LmZp04", "Unexpected token: 81237 in JSON at position 12", "the password must have 8 characters", "password: minLength 8, maxLength 64",
	"x-auth-request-id: 7d1c0e5b9f3a4b2c", "https://api.vendor.example:8443/v1/x@2", "https://api.vendor.example/r/req_8fKq21LmZp04", "my password is wrong",
	"hf_transfer 0.1.8 is installed", "npm_config_registry=https://registry.example", "key-value store 12345678", "SG.2026 report", "ssh: git@github.example:nw/app.git",
	"dapi.example 2026", "2026-11-20T14:02:35Z:main:worker@host-12345", "api key ending in 4f2a", "api_key=****************4f2a", "token=[REDACTED 12345678]", "password=<redacted-12345678>", "Authorization: Bearer $API_TOKEN_2026",
	"Authorization: Bearer YOUR_API_KEY_12345", "x-api-key: ${API_KEY_2}", "docker-compose -u 1000:1000 up", "next_page_token: none",
	"Request-Id: 1//0", "csrf: off", "cookie consent: 12345678", "signature_version=v4", "keyboard-layout-us21", "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIE12345678\n-----END CERTIFICATE-----",
	"sig=mismatch", "User-Agent: key-12", "secret santa 2026", "passed 12345678 tests", "chatcmpl-9aB3dE5fG7hJ9kL1mN2pQ4rS6t", "bearer token req_8fKq21LmZp04 was logged",
}

func TestCredentials(t *testing.T) {
	for _, c := range liveKeys {
		text := strings.NewReplacer("⟦", "", "⟧", "").Replace(c.text)
		_, rest, _ := strings.Cut(c.text, "⟦")
		secret, _, _ := strings.Cut(rest, "⟧")
		for _, text := range []string{text, "Hi, we get a 500 with this:\n  " + text + "\nrequest id req_8fKq21LmZp04"} {
			assert.True(t, HasSecret(text), "%s: %s", c.name, text)
			masked := Masked(text)
			assert.NotEmpty(t, masked, c.name)
			for _, m := range masked {
				assert.NotContains(t, m, secret, c.name)
			}
			for _, got := range Candidates(text) {
				for _, piece := range strings.FieldsFunc(secret, func(r rune) bool { return strings.ContainsRune(" \n/.:", r) }) {
					if len(piece) >= 8 {
						assert.NotContains(t, got.Value, piece, c.name)
					}
				}
			}
		}
		assert.Contains(t, values("Hi, we get a 500 with this:\n  "+text+"\nrequest id req_8fKq21LmZp04"), "req_8fKq21LmZp04", c.name)
	}
}

func TestNoCredentials(t *testing.T) {
	for _, text := range innocent {
		assert.False(t, HasSecret(text), text)
		assert.Empty(t, Masked(text), text)
	}
}
