package store

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/event"
	"errata/internal/fault"
)

// Deploy is the moment from which a release of a service ran: as reported, or
// when it was first seen failing.
type Deploy struct {
	Service     string     `json:"service"`
	Environment string     `json:"environment"`
	Release     string     `json:"release"`
	At          event.Time `json:"deployed_at"`
	URL         string     `json:"url,omitempty"`
	// Reported is false where nobody said so: the release was first seen then.
	Reported bool `json:"reported"`
}

// MaxReleases is how many releases of one service in one environment are
// remembered by when they were first seen.
const MaxReleases = 2000

const sqlAddDeploy = `
INSERT INTO deploys (workspace_id, service, environment, deployed_at, release, url)
VALUES ($1::int4, $2::text, $3::text, $4::timestamptz, $5::text, $6::text)
ON CONFLICT (workspace_id, service, environment, deployed_at, release) DO UPDATE SET url = excluded.url WHERE deploys.url <> excluded.url`

// AddDeploy notes a deploy; the same again changes nothing.
func (s *Store) AddDeploy(ctx context.Context, actor Actor, ws int32, d Deploy) (err error) {
	defer fault.Wrap(&err, "AddDeploy")
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlAddDeploy, ws, d.Service, d.Environment, d.At.Time, d.Release, d.URL)
		if err != nil || tag.RowsAffected() == 0 {
			return err
		}
		return audit(ctx, tx, ws, actor, "deploy.add", d.Service+" "+d.Release, d)
	})
}

// MaxDeploys bounds one list.
const MaxDeploys = 200

// The first release that was ever seen of a service is no deploy; nor is one
// that was deployed as reported, within a day of being seen.
const sqlDeploys = `
SELECT * FROM (
  (SELECT service, environment, release, deployed_at, url, true AS reported FROM deploys
   WHERE workspace_id = $1::int4 AND deployed_at >= $2::timestamptz AND deployed_at < $3::timestamptz
     AND ($4::text = '' OR service = $4::text) AND ($5::text = '' OR environment = $5::text) AND ($7::text = '' OR release = $7::text)
   ORDER BY deployed_at DESC LIMIT $6::int4)
  UNION ALL
  (SELECT r.service, r.environment, r.release, r.first_seen, '', false FROM releases r
   WHERE r.workspace_id = $1::int4 AND r.first_seen >= $2::timestamptz AND r.first_seen < $3::timestamptz
     AND ($4::text = '' OR r.service = $4::text) AND ($5::text = '' OR r.environment = $5::text) AND ($7::text = '' OR r.release = $7::text)
     AND EXISTS (SELECT FROM releases o WHERE o.workspace_id = r.workspace_id AND o.service = r.service AND o.environment = r.environment AND o.first_seen < r.first_seen)
     AND NOT EXISTS (SELECT FROM deploys d WHERE d.workspace_id = r.workspace_id AND d.service = r.service AND d.environment = r.environment AND d.release = r.release
                       AND d.deployed_at BETWEEN r.first_seen - interval '1 day' AND r.first_seen + interval '1 day')
   ORDER BY r.first_seen DESC LIMIT $6::int4)
) both_kinds
ORDER BY deployed_at DESC, service, environment, release
LIMIT $6::int4`

// DeployFilter says which deploys are asked for. Empty texts match all; From is
// inclusive, To exclusive, and both are needed.
type DeployFilter struct {
	Service, Environment, Release string
	From, To                      time.Time
}

// Deploys lists the newest deploys of a period, newest first, MaxDeploys at most.
func (s *Store) Deploys(ctx context.Context, ws int32, f DeployFilter) (out []Deploy, err error) {
	defer fault.Wrap(&err, "Deploys")
	rows, err := s.pool.Query(ctx, sqlDeploys, ws, f.From, f.To, f.Service, f.Environment, MaxDeploys, f.Release)
	if err != nil {
		return nil, unavailable(err)
	}
	out, err = pgx.CollectRows(rows, scanDeploy)
	return out, unavailable(err)
}

func scanDeploy(row pgx.CollectableRow) (d Deploy, err error) {
	err = row.Scan(&d.Service, &d.Environment, &d.Release, &d.At.Time, &d.URL, &d.Reported)
	d.At.Time = d.At.UTC()
	return d, err
}
