package notify

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"errata/internal/alert"
)

var webhookFields = []Field{
	{Name: "url", Label: "URL", Help: "that takes a POST with JSON", Required: true, check: isURL},
	{Name: "secret", Label: "Signing secret", Help: "whsec_…, 24 to 64 random bytes in base64", Required: true, Secret: true, check: isWebhookSecret},
	{Name: "previous_secret", Label: "Previous signing secret", Help: "signs as well while receivers change over", Secret: true, check: isWebhookSecret},
}

const webhookPrefix = "whsec_"

// NewWebhookSecret makes a signing secret.
func NewWebhookSecret() Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return NewSecret(webhookPrefix + base64.StdEncoding.EncodeToString(key))
}

// Rotate gives a webhook a new signing secret and keeps the last one beside
// it. Taking that away later ends the change-over.
func Rotate(c Channel) Channel {
	c.Secrets = maps.Clone(c.Secrets)
	if c.Secrets == nil {
		c.Secrets = map[string]Secret{}
	}
	if old := c.Secrets["secret"]; !old.IsZero() {
		c.Secrets["previous_secret"] = old
	}
	c.Secrets["secret"] = NewWebhookSecret()
	return c
}

func isWebhookSecret(_ *Sender, value string) error {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(value, webhookPrefix))
	if err != nil || !strings.HasPrefix(value, webhookPrefix) || len(key) < 24 || len(key) > 64 {
		return fmt.Errorf("must be whsec_ and 24 to 64 bytes in base64")
	}
	return nil
}

type webhookPayload struct {
	Type      string      `json:"type"`
	Timestamp time.Time   `json:"timestamp"`
	Data      webhookData `json:"data"`
}

type webhookData struct {
	Title     string           `json:"title"`
	Text      string           `json:"text"`
	Workspace string           `json:"workspace"`
	DedupKey  string           `json:"dedup_key"`
	Seq       int              `json:"seq"`
	Changed   []string         `json:"changed"`
	Incidents []alert.Incident `json:"incidents"`
	Request   *webhookRequest  `json:"request,omitempty"`
}

// webhookRequest is the request that a message is about instead of an incident.
type webhookRequest struct {
	ID      string `json:"request_id"`
	EventID string `json:"event_id,omitempty"`
	URL     string `json:"url,omitempty"`
}

// sendWebhook posts our own JSON, signed as Standard Webhooks wants it. Its
// webhook-id is the Delivery's, the same on every attempt; the timestamp is
// the attempt's, since receivers refuse old ones.
// https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
func sendWebhook(c *call) verdict {
	m := c.message
	t := alert.Write(m)
	about := "incident."
	if m.Kind == alert.KindArrived {
		about = "request."
	}
	payload := webhookPayload{
		Type: about + string(m.Kind), Timestamp: m.At.UTC(),
		Data: webhookData{Title: t.Title, Text: t.Plain(), Workspace: m.Workspace, DedupKey: m.DedupKey, Seq: m.Seq, Changed: append([]string{}, m.Changed...), Incidents: append([]alert.Incident{}, m.Incidents...)},
	}
	if r := m.Clean().Request; r != nil {
		payload.Data.Request = &webhookRequest{r.ID, r.EventID, r.URL()}
	}
	body := encode(payload)
	now := time.Now()
	var signatures []string
	for _, name := range []string{"secret", "previous_secret"} {
		secret := c.get(name)
		if secret == "" {
			continue
		}
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return verdict{outcome: alert.GiveUp, reason: "the signing secret cannot be read"}
		}
		signature, err := signer.Sign(m.ID, now, body)
		if err != nil {
			return verdict{outcome: alert.GiveUp, reason: "the message cannot be signed"}
		}
		signatures = append(signatures, signature)
	}
	return c.postBody(c.get("url"), http.Header{
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookID):        {m.ID},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookTimestamp): {strconv.FormatInt(now.Unix(), 10)},
		http.CanonicalHeaderKey(standardwebhooks.HeaderWebhookSignature): {strings.Join(signatures, " ")},
	}, body).verdict
}
