package store

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// The kinds of integration.
const (
	Slack   = "slack"
	Zendesk = "zendesk"
)

// The secrets of an integration with Slack.
const (
	SigningSecret = "signing_secret"
	BotToken      = "bot_token"
)

// MaxIntegrations is how many a workspace can have.
const MaxIntegrations = 10

// IntegrationSpec is what somebody decides about an integration.
type IntegrationSpec struct {
	Kind      string
	Name      string
	Account   string // Slack's team ID, or Zendesk's subdomain
	Customers bool   // their names are shown
	Unfurl    bool
	Enabled   bool
	Secrets   Secrets // those that are not named stay; an empty one goes
}

// Integration is where people ask from who are not in the pages, without its
// secrets, and how that goes.
type Integration struct {
	ID        string   `json:"id"`
	Kind      string   `json:"kind"`
	Name      string   `json:"name"`
	Account   string   `json:"account"`
	Customers bool     `json:"customers"`
	Unfurl    bool     `json:"unfurl"`
	Enabled   bool     `json:"enabled"`
	Secrets   []string `json:"secrets"` // the names of those that are set
	// TokenAt is when the token of an embedded page was made; nil: there is none.
	TokenAt *event.Time `json:"token_at"`

	LastUsedAt  *event.Time `json:"last_used_at"`
	LastError   string      `json:"last_error,omitempty"` // since then
	LastErrorAt *event.Time `json:"last_error_at"`

	CreatedAt event.Time `json:"created_at"`
	UpdatedAt event.Time `json:"updated_at"`
	UpdatedBy string     `json:"updated_by"`
}

var (
	slackTeam    = regexp.MustCompile(`^[TE][A-Z0-9]{2,30}$`)
	slackSecret  = regexp.MustCompile(`^[A-Za-z0-9]{16,128}$`)
	slackToken   = regexp.MustCompile(`^xox[a-z]-[A-Za-z0-9-]{10,300}$`)
	zendeskPlace = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)
)

// check says whether an integration can work, all its secrets included.
func (i IntegrationSpec) check() error {
	if i.Name == "" || utf8.RuneCountInString(i.Name) > maxChannelName || !utf8.ValidString(i.Name) || slices.ContainsFunc([]rune(i.Name), unicode.IsControl) {
		return invalid("name", "must have 1 to 100 characters and no line breaks")
	}
	switch i.Kind {
	case Slack:
		return i.checkSlack()
	case Zendesk:
		if !zendeskPlace.MatchString(i.Account) {
			return invalid("account", "must be the subdomain alone: acme of https://acme.zendesk.com")
		}
		for name := range i.Secrets {
			return invalid("secrets."+name, "is not known here: an integration with Zendesk has a token, which is made here")
		}
		return nil
	}
	return invalid("kind", "must be slack or zendesk")
}

func (i IntegrationSpec) checkSlack() error {
	switch {
	case !slackTeam.MatchString(i.Account):
		return invalid("account", "must be the ID of the Slack workspace, such as T0123ABCD: it is in the address of Slack in a browser")
	case i.Secrets[SigningSecret] == "":
		return invalid("secrets."+SigningSecret, "is required: requests are verified by it")
	case !slackSecret.MatchString(i.Secrets[SigningSecret]):
		return invalid("secrets."+SigningSecret, "must be the app's signing secret: 32 letters and digits, under Basic Information")
	case i.Secrets[BotToken] != "" && !slackToken.MatchString(i.Secrets[BotToken]):
		return invalid("secrets."+BotToken, "must be a bot token, which begins with xoxb-")
	}
	for name := range i.Secrets {
		if name != SigningSecret && name != BotToken {
			return invalid("secrets."+name, "is not known here")
		}
	}
	return nil
}

const integrationColumns = `i.id::text, i.kind, i.name, i.account, i.customers, i.unfurl, i.enabled, ARRAY(SELECT jsonb_object_keys(i.secrets) ORDER BY 1),
  CASE WHEN i.token_hash IS NOT NULL THEN i.token_at END, i.last_used_at, i.last_error, i.last_error_at, i.created_at, i.updated_at, i.updated_by`

const sqlIntegrations = `
SELECT ` + integrationColumns + ` FROM integrations i
WHERE i.workspace_id = $1::int4 AND ($2::uuid IS NULL OR i.id = $2::uuid) ORDER BY i.name`

// Integrations are those of a workspace, by name.
func (s *Store) Integrations(ctx context.Context, ws int32) (out []Integration, err error) {
	defer fault.Wrap(&err, "Integrations")
	return integrations(ctx, s.pool, ws, nil)
}

// Integration gives one; a fault NotFound (integration_not_found) where the
// workspace has no such integration.
func (s *Store) Integration(ctx context.Context, ws int32, id string) (i Integration, err error) {
	defer fault.Wrap(&err, "Integration(%s)", id)
	return integration(ctx, s.pool, ws, id)
}

func integration(ctx context.Context, q querier, ws int32, id string) (i Integration, err error) {
	if uuid.Validate(id) != nil {
		return i, integrationNotFound()
	}
	found, err := integrations(ctx, q, ws, &id)
	if err == nil && len(found) == 0 {
		err = integrationNotFound()
	}
	if err != nil {
		return i, err
	}
	return found[0], nil
}

func integrations(ctx context.Context, q querier, ws int32, id *string) ([]Integration, error) {
	rows, err := q.Query(ctx, sqlIntegrations, ws, id)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err := pgx.CollectRows(rows, scanIntegration)
	return out, unavailable(err)
}

func scanIntegration(row pgx.CollectableRow) (i Integration, err error) {
	var token, used, failed *time.Time
	err = row.Scan(&i.ID, &i.Kind, &i.Name, &i.Account, &i.Customers, &i.Unfurl, &i.Enabled, &i.Secrets, &token, &used, &i.LastError, &failed, &i.CreatedAt.Time, &i.UpdatedAt.Time, &i.UpdatedBy)
	i.TokenAt, i.LastUsedAt, i.LastErrorAt = shownTime(token), shownTime(used), shownTime(failed)
	i.CreatedAt.Time, i.UpdatedAt.Time = i.CreatedAt.UTC(), i.UpdatedAt.UTC()
	return i, err
}

func integrationNotFound() error {
	return fault.New(fault.NotFound, "integration_not_found", "There is no integration with this ID; somebody may have removed it.")
}

// Door is an integration as those need it who answer it.
type Door struct {
	Workspace int32
	ID        string
	Kind      string
	Account   string
	Customers bool
	Unfurl    bool
	Enabled   bool
	Secrets   Secrets
	TokenHash []byte
	Locked    string // why a secret of it cannot be read
}

const doorColumns = `i.workspace_id, i.id::text, i.kind, i.name, i.account, i.customers, i.unfurl, i.enabled, i.secrets, i.token_hash`

const sqlDoor = `SELECT ` + doorColumns + ` FROM integrations i WHERE i.id = $1::uuid`

// Door finds an integration by its ID alone: whoever asks has not said yet whose it
// is. A fault NotFound (integration_not_found) when there is none.
func (s *Store) Door(ctx context.Context, id string) (d Door, err error) {
	defer fault.Wrap(&err, "Door")
	if uuid.Validate(id) != nil {
		return d, integrationNotFound()
	}
	row, err := scanDoor(s.pool.QueryRow(ctx, sqlDoor, id))
	if errors.Is(err, pgx.ErrNoRows) {
		return d, integrationNotFound()
	}
	if err != nil {
		return d, unavailable(err)
	}
	d = row.Door
	d.Secrets, _, d.Locked = s.openIntegration(&row)
	return d, nil
}

// doorRow is a Door whose secrets are not opened yet.
type doorRow struct {
	Door
	name  string
	boxes secretBoxes
}

func scanDoor(row pgx.Row) (d doorRow, err error) {
	err = row.Scan(&d.Workspace, &d.ID, &d.Kind, &d.name, &d.Account, &d.Customers, &d.Unfurl, &d.Enabled, (*map[string]secretBox)(&d.boxes), &d.TokenHash)
	return d, err
}
