package catalog_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
)

// commonCodes are those that the dialects which are understood send of themselves,
// as their standards and references list them.
var commonCodes = map[string]string{
	"google.rpc, gRPC, Connect and Twirp": `CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED UNAUTHENTICATED
		RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS canceled malformed bad_route`,
	"AWS": `AccessDeniedException ValidationException ThrottlingException ResourceNotFoundException ServiceUnavailableException InternalServerException
		ConditionalCheckFailedException ProvisionedThroughputExceededException TooManyRequestsException ExpiredTokenException UnrecognizedClientException
		ServiceQuotaExceededException NoSuchKey NoSuchBucket SlowDown SignatureDoesNotMatch InvalidAccessKeyId RequestTimeTooSkewed BucketAlreadyExists EntityTooLarge
		InternalError RequestLimitExceeded ConflictException LimitExceededException InvalidParameterException RequestTimeout NotAuthorizedException AccessDenied`,
	"Stripe-like": `api_error card_error idempotency_error invalid_request_error rate_limit authentication_error card_declined expired_card incorrect_cvc
		insufficient_funds processing_error resource_missing parameter_missing parameter_invalid parameter_unknown lock_timeout idempotency_key_in_use`,
	"GraphQL": `GRAPHQL_PARSE_FAILED GRAPHQL_VALIDATION_FAILED BAD_USER_INPUT UNAUTHENTICATED FORBIDDEN PERSISTED_QUERY_NOT_FOUND PERSISTED_QUERY_NOT_SUPPORTED
		OPERATION_RESOLUTION_FAILURE BAD_REQUEST INTERNAL_SERVER_ERROR`,
	"OpenAI": `invalid_api_key incorrect_api_key rate_limit_exceeded insufficient_quota model_not_found context_length_exceeded content_policy_violation content_filter
		server_error invalid_request_error tokens requests engine_overloaded billing_hard_limit_reached unsupported_country_region_territory string_above_max_length`,
	"Anthropic": `invalid_request_error authentication_error billing_error permission_error not_found_error request_too_large rate_limit_error api_error
		timeout_error overloaded_error`,
	"OAuth":             `invalid_request invalid_client invalid_grant unauthorized_client access_denied server_error temporarily_unavailable invalid_token insufficient_scope`,
	"RFC 9457 problems": `https://api.example/problems/quota-exceeded https://api.example/problems/temporary-reduced-capacity https://api.example/problems/out-of-credit`,
	"JSON:API, FastAPI and frameworks": `blank missing taken value_error json_invalid internal_server_error bad_request unprocessable_entity not_found forbidden unauthorized
		method_not_allowed unsupported_media_type not_acceptable conflict too_many_requests service_unavailable gateway_timeout bad_gateway`,
	"other people's services": `key_revoked quota_exceeded slow_down db_pool_exhausted wrong_type ECONNREFUSED`,
}

// Every code of the common dialects has an entry, and not one of what it looks like.
func TestCommonCodesHaveEntries(t *testing.T) {
	n := map[string]bool{}
	for dialect, list := range commonCodes {
		for code := range strings.FieldsSeq(list) {
			c := event.CanonicalCode(code, 0)
			n[c] = true
			assert.True(t, (*catalog.Book)(nil).Documented("", c), "%s: %s", dialect, code)
		}
	}
	for status := 400; status < 600; status++ {
		if name := "http_" + strconv.Itoa(status); standard(status) {
			n[name] = true
			assert.True(t, (*catalog.Book)(nil).Documented("", name), name)
		}
	}
	codes := 0
	for _, e := range catalog.BuiltIn() {
		codes += 1 + len(e.AlsoSeenAs)
	}
	t.Logf("%d entries in general for %d codes and statuses, %d profiles, %d common ones", len(catalog.BuiltIn()), codes, len(catalog.Profiles()), len(n))
}

// standard statuses are those that are registered, and those that proxies and
// edge networks answer with.
func standard(status int) bool {
	others := []int{418, 421, 425, 426, 428, 429, 431, 451, 460, 499, 505, 506, 507, 508, 510, 511, 520, 521, 522, 523, 524, 525, 526, 529, 530}
	return status <= 417 || status >= 422 && status <= 424 || status >= 500 && status <= 504 || slices.Contains(others, status)
}

var (
	seedCode   = regexp.MustCompile(`"(?:code|error)": "([A-Za-z_]+)"|Error Code:([a-z_]+)|\b([A-Z]{8,}|[A-Z]+_[A-Z_]+[A-Z])\b|'([a-z]+_[a-z_]+)':`)
	seedStatus = regexp.MustCompile(`\b([45]\d\d)(?:\D|$)`) // tables lost what stood between their cells
)

// Every code and status of the reference texts has an entry: with the profile of
// the API that it is of, one for that profile, and in general.
func TestSeedsHaveEntries(t *testing.T) {
	dir := os.Getenv("ERRATA_SHARED_DIR")
	if dir == "" {
		t.Log("ERRATA_SHARED_DIR is not set: the reference texts were not looked at")
		return
	}
	files, err := filepath.Glob(filepath.Join(dir, "seeds", "0*.txt"))
	require.NoError(t, err)
	require.Len(t, files, 5)
	profiles := []string{"bearer-key", "x-api-key", "x-api-key-tenant", "access-token", "bearer-quota"}
	placeholders := []string{"error_code", "YOUR_KEY"}
	total := map[string]bool{}
	for i, f := range files {
		text, err := os.ReadFile(f) //nolint:gosec // named by the test's environment
		require.NoError(t, err)
		book := catalog.NewBook([]catalog.Entry{{Service: "api", Code: catalog.All, Profile: profiles[i], Version: 1}})
		codes, statuses := map[string]bool{}, map[int]bool{}
		for _, m := range seedCode.FindAllStringSubmatch(string(text), -1) {
			if raw := strings.Join(m[1:], ""); !slices.Contains(placeholders, raw) {
				codes[event.CanonicalCode(raw, 0)] = true
			}
		}
		for _, m := range seedStatus.FindAllStringSubmatch(string(text), -1) {
			status, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			if standard(status) {
				statuses[status] = true
			}
		}
		for code := range codes {
			total[code] = true
			assert.True(t, (*catalog.Book)(nil).Documented("", code), "%s has no entry in general", code)
			e := book.Explain(event.Event{Service: "api", Code: code, Family: event.FamilyOf(0, code)})
			assert.Equal(t, catalog.ByCode, e.Source, code)
		}
		for status := range statuses {
			code := "http_" + strconv.Itoa(status)
			total[code] = true
			assert.True(t, (*catalog.Book)(nil).Documented("", code), "%s has no entry in general", code)
		}
		t.Logf("%s: %d codes, %d statuses", filepath.Base(f)[:3], len(codes), len(statuses))
	}
	require.Greater(t, len(total), 20, "the texts were not understood")
	t.Logf("%d codes and statuses of the reference texts", len(total))
}

// The profiles have what their references tell of, statuses included.
func TestProfilesCoverTheirReferences(t *testing.T) {
	for name, list := range map[string]string{
		"bearer-key":       "400 401 403 404 429 500 503 unauthorized forbidden not_found validation_error rate_limit_exceeded internal_error service_unavailable",
		"x-api-key":        "400 401 403 404 409 422 429 500 502 503 invalid_parameters invalid_api_key session_not_found rate_limit_exceeded internal_error",
		"x-api-key-tenant": "400 401 403 404 422 429 500 502 504 unauthorized forbidden not_found validation_error rate_limit_exceeded internal_error provider_error timeout",
		"access-token":     "400 401 404 409 500 UNAUTHORIZED NOT_FOUND CONFLICT VALIDATION_FAILED INTERNAL_ERROR",
		"bearer-quota":     "400 401 403 404 429 500 quota_exceeded batch_error",
	} {
		book := catalog.NewBook([]catalog.Entry{{Service: "api", Code: catalog.All, Profile: name, Version: 1}})
		for word := range strings.FieldsSeq(list) {
			ev := failure(0, word)
			if status, err := strconv.Atoi(word); err == nil {
				ev = failure(status, "")
			}
			ev.Service = "api"
			e := book.Explain(ev)
			assert.Equal(t, name, e.Entry.Profile, "%s: %s", name, word)
			assert.Equal(t, "for api, by its profile "+name, e.For)
		}
	}
}

// What helps with one API is wrong for the other, and in general neither is said.
func TestContradictingFixesStayApart(t *testing.T) {
	book := catalog.NewBook([]catalog.Entry{
		{Service: "claims", Code: catalog.All, Profile: "bearer-key", Version: 1}, {Service: "prompts", Code: catalog.All, Profile: "x-api-key-tenant", Version: 1},
	})
	say := func(service string) (catalog.Explanation, string) {
		ev := failure(401, "unauthorized")
		ev.Service = service
		a := catalog.Resolve(book, ev, at, catalog.About{})
		return a.Explanation, strings.Join(a.Fixes, " ") + a.Replies[0].Text
	}
	e, bearer := say("claims")
	assert.Contains(t, bearer, "Bearer")
	assert.NotContains(t, bearer, "x-api-key")
	assert.Equal(t, "for claims, by its profile bearer-key", e.For)
	_, header := say("prompts")
	assert.Contains(t, header, "x-api-key")
	assert.NotContains(t, header, "Send Authorization")
	e, neutral := say("another")
	assert.NotContains(t, neutral, "Bearer")
	assert.NotContains(t, neutral, "x-api-key")
	assert.Equal(t, "general", e.For)
}

// What is built in keeps the rules of what people write.
func TestBuiltInEntriesAreSound(t *testing.T) {
	lists := [][]catalog.Entry{catalog.BuiltIn()}
	for _, p := range catalog.Profiles() {
		assert.NotEmpty(t, p.Title)
		assert.NotEmpty(t, p.About)
		lists = append(lists, p.Entries())
	}
	for _, list := range lists {
		claimed := map[string]string{}
		for _, e := range list {
			_, err := e.Check()
			require.NoError(t, err, e.Code)
			assert.NotEmpty(t, e.Causes, e.Code)
			assert.NotEmpty(t, e.Fixes, e.Code)
			for _, code := range append([]string{e.Code}, e.AlsoSeenAs...) {
				assert.Equal(t, event.CanonicalCode(code, 0), code, "%s is not canonical", code)
				assert.Empty(t, claimed[code], "%s is of %s, too", code, e.Code)
				claimed[code] = e.Code
			}
		}
	}
	// No name of a vendor's account, host or prefix is anybody else's.
	for _, list := range lists {
		text := strings.ToLower(string(catalog.Write(list)))
		for _, name := range []string{"baytos", "claro", "endprompt", "ep_live"} {
			assert.NotContains(t, text, name)
		}
	}
}
