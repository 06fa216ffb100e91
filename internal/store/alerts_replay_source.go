package store

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/detect"
	"errata/internal/incident"
)

// replaySource answers what alertTables answers, of any minute: it reads an hour at
// a time, because what fires mostly does so for a while.
type replaySource struct {
	tx     pgx.Tx
	ws     int32
	hour   detect.Minute                 // of which there is
	loaded map[string]bool               // services of that hour
	met    map[detect.Minute][]metRow    // of the hour, and nine minutes before
	codes  map[string]map[string][]int64 // by service and code: hours that had some
	usual  map[incident.Place]map[int64]float64
	middle map[usualAt]float64
}

type metRow struct {
	familyOfPlace
	name string
	n    int64
}

type usualAt struct {
	incident.Place
	hour int64
}

// Whom failures hit, by minute. What came much later is left out.
const sqlReplayCustomers = `
SELECT m.alert_minute, m.environment, m.service, m.method, m.endpoint, CASE m.family WHEN 1 THEN 1 ELSE 0 END::int2, c.name, sum(c.n)::int8
FROM customer_minutes m, unnest(m.customers, m.counts) AS c(name, n)
WHERE m.workspace_id = $1::int4 AND m.alert_minute >= $2::timestamptz AND m.alert_minute < $3::timestamptz
  AND m.minute >= $2::timestamptz - interval '1 hour' AND m.minute < $3::timestamptz + interval '15 minutes' AND m.role = 0 AND m.family > 0 AND m.service = ANY ($4::text[])
GROUP BY 1, 2, 3, 4, 5, 6, 7`

func (a *replaySource) load(ctx context.Context, minute detect.Minute, services []string) error {
	if hour := minute - minute%60; hour != a.hour || a.met == nil {
		a.hour, a.loaded, a.met = hour, map[string]bool{}, map[detect.Minute][]metRow{}
	}
	var missing []string
	for _, s := range services {
		if !a.loaded[s] {
			a.loaded[s] = true
			missing = append(missing, s)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	rows, err := a.tx.Query(ctx, sqlReplayCustomers, a.ws, (a.hour - 9).Time(), (a.hour + 60).Time(), missing)
	if err != nil {
		return err
	}
	pool := textPool{}
	var at time.Time
	var family int16
	var m metRow
	into := []any{&at}
	for _, text := range []*string{&m.Environment, &m.Service, &m.Method, &m.Endpoint} {
		into = append(into, pooled{pool, text})
	}
	_, err = pgx.ForEachRow(rows, append(into, &family, pooled{pool, &m.name}, &m.n), func() error {
		m.family = detect.Family(family) //nolint:gosec // 0 or 1
		minute := detect.MinuteOf(at)
		a.met[minute] = append(a.met[minute], m)
		return nil
	})
	return err
}

// customers implements alertSource, as sqlAlertCustomers does.
func (a *replaySource) customers(ctx context.Context, minute detect.Minute, services []string) (map[familyOfPlace]detect.Customers, error) {
	if err := a.load(ctx, minute, services); err != nil {
		return nil, err
	}
	hit := map[familyOfPlace]map[string]int64{}
	add := func(at familyOfPlace, name string, n int64) {
		if hit[at] == nil {
			hit[at] = map[string]int64{}
		}
		hit[at][name] += n
	}
	for m := minute - 9; m <= minute; m++ {
		for i := range a.met[m] {
			row := &a.met[m][i]
			if _, asked := slices.BinarySearch(services, row.Service); !asked {
				continue
			}
			add(familyOfPlace{row.Whole(), row.family}, row.name, row.n)
			if row.Endpoint != "" {
				add(row.familyOfPlace, row.name, row.n)
			}
		}
	}
	out := map[familyOfPlace]detect.Customers{}
	for at, names := range hit {
		c := detect.Customers{TopRequests: detect.Unknown}
		for name, n := range names {
			if n <= 0 {
				continue
			}
			c.Distinct++
			if n > c.Top || n == c.Top && name < c.TopName {
				c.Top, c.TopName = n, name
			}
		}
		if c.Distinct > 0 {
			out[at] = c
		}
	}
	return out, nil
}

const sqlReplayCodes = `
SELECT DISTINCT i.service, i.code, h.hour FROM issue_hours h JOIN issues i ON i.workspace_id = h.workspace_id AND i.id = h.issue_id
WHERE h.workspace_id = $1::int4 AND h.hour >= $2::timestamptz AND h.hour < $3::timestamptz AND h.n > 0 AND i.service = ANY ($4::text[])`

func (a *replaySource) readCodes(ctx context.Context, services []string, from, to detect.Minute) error {
	rows, err := a.tx.Query(ctx, sqlReplayCodes, a.ws, (from - 8*1440).Time(), (to + 1).Time(), services)
	if err != nil {
		return err
	}
	a.codes = map[string]map[string][]int64{}
	var c codeOf
	var hour time.Time
	_, err = pgx.ForEachRow(rows, []any{&c.service, &c.code, &hour}, func() error {
		if a.codes[c.service] == nil {
			a.codes[c.service] = map[string][]int64{}
		}
		a.codes[c.service][c.code] = append(a.codes[c.service][c.code], hour.Unix())
		return nil
	})
	return err
}

// metCodes implements alertSource, as sqlKnownCodes does.
func (a *replaySource) metCodes(_ context.Context, services []string, before time.Time) (out []codeOf, err error) {
	to := before.Unix()
	from := to - 7*24*3600
	for _, s := range services {
		for code, hours := range a.codes[s] {
			if slices.ContainsFunc(hours, func(h int64) bool { return h >= from && h < to }) {
				out = append(out, codeOf{s, code})
			}
		}
	}
	return out, nil
}

const sqlReplayUsual = `
SELECT m.environment, m.service, floor(extract(epoch FROM m.alert_minute) / 600)::int8, count(DISTINCT c)::float8
FROM customer_minutes m, unnest(m.customers) AS c
WHERE m.workspace_id = $1::int4 AND m.minute >= $2::timestamptz - interval '15 minutes' AND m.minute < $3::timestamptz AND m.alert_minute >= $2::timestamptz AND m.alert_minute < $3::timestamptz
  AND m.role = 0 AND m.family = 1 AND m.service = ANY ($4::text[])
GROUP BY 1, 2, 3`

// usualCustomers is what sqlUsualCustomers finds: the median of ten minutes in this
// hour of the seven days before.
func (a *replaySource) usualCustomers(ctx context.Context, r *replay, at incident.Place, minute detect.Minute) (float64, error) {
	if a.usual == nil {
		a.usual, a.middle = map[incident.Place]map[int64]float64{}, map[usualAt]float64{}
		rows, err := a.tx.Query(ctx, sqlReplayUsual, a.ws, (r.warm - 8*1440).Time(), r.last.Time(), r.services)
		if err != nil {
			return 0, err
		}
		var place incident.Place
		var ten int64
		var n float64
		if _, err := pgx.ForEachRow(rows, []any{&place.Environment, &place.Service, &ten, &n}, func() error {
			if a.usual[place] == nil {
				a.usual[place] = map[int64]float64{}
			}
			a.usual[place][ten] = n
			return nil
		}); err != nil {
			return 0, err
		}
	}
	key := usualAt{at, int64(minute / 60)}
	if n, ok := a.middle[key]; ok {
		return n, nil
	}
	var seen []float64
	for day := int64(1); day <= 7; day++ {
		for ten := range int64(6) {
			if n, ok := a.usual[at][(key.hour-24*day)*6+ten]; ok {
				seen = append(seen, n)
			}
		}
	}
	a.middle[key] = median(seen)
	return a.middle[key], nil
}

func median(all []float64) float64 {
	slices.Sort(all)
	switch n := len(all); {
	case n == 0:
		return 0
	case n%2 == 1:
		return all[n/2]
	default:
		return (all[n/2-1] + all[n/2]) / 2
	}
}

// recordedIncident is one that there was.
type recordedIncident struct {
	incident.Group
	number          int
	useful          string
	started, closed detect.Minute // closed 0: it lasts
}

const sqlReplayRecorded = `
SELECT i.number, i.family, i.environment, i.service, i.provider, i.started_at, i.resolved_at, i.useful FROM incidents i
WHERE i.workspace_id = $1::int4 AND (i.resolved_at IS NULL OR i.resolved_at >= $2::timestamptz) AND i.opened_at < $3::timestamptz
ORDER BY i.opened_at DESC LIMIT 2000`

func (r *replay) readRecorded(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, sqlReplayRecorded, r.ws, r.from.Time(), (r.last + 1).Time())
	if err != nil {
		return err
	}
	r.recorded, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (i recordedIncident, err error) {
		var family int16
		var started time.Time
		var resolved *time.Time
		err = row.Scan(&i.number, &family, &i.Environment, &i.Service, &i.Provider, &started, &resolved, &i.useful)
		i.Family, i.started = detect.Family(family), detect.MinuteOf(started) //nolint:gosec // 0 or 1
		if resolved != nil {
			i.closed = detect.MinuteOf(*resolved)
		}
		return i, err
	})
	return err
}

// names of rules, each once.
func (r *replay) namesOf(ids map[string]bool) []string {
	out := []string{}
	for id := range maps.Keys(ids) {
		out = append(out, cmp.Or(r.names[id], id))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
