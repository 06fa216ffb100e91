package store

import (
	"context"
	"encoding/base64"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"errata/internal/customer"
	"errata/internal/event"
	"errata/internal/fault"
)

const customerColumns = `c.customer, c.name, c.updated_at, c.updated_by`

func scanCustomer(row pgx.CollectableRow) (n customer.Named, err error) {
	err = row.Scan(&n.Customer, &n.Name, &n.UpdatedAt.Time, &n.UpdatedBy)
	n.UpdatedAt.Time = n.UpdatedAt.UTC()
	return n, err
}

const sqlCustomerNames = `
SELECT c.customer, c.name FROM customers c WHERE c.workspace_id = $1::int4 AND c.customer = ANY ($2::text[])`

// CustomerNames are the names of those of the customers that have one: one look by
// key, however many they are.
func (s *Store) CustomerNames(ctx context.Context, ws int32, ids []string) (names map[string]string, err error) {
	defer fault.Wrap(&err, "CustomerNames(%d ids)", len(ids))
	names = map[string]string{}
	if len(ids) == 0 {
		return names, nil
	}
	rows, err := s.pool.Query(ctx, sqlCustomerNames, ws, ids)
	if err != nil {
		return nil, unavailable(err)
	}
	return names, unavailable(intoNames(rows, names))
}

func intoNames(rows pgx.Rows, names map[string]string) error {
	var id, name string
	_, err := pgx.ForEachRow(rows, []any{&id, &name}, func() error {
		names[id] = name
		return nil
	})
	return err
}

// NameTrails says in Trails what their customers are called.
func (s *Store) NameTrails(ctx context.Context, ws int32, trails ...*event.Trail) error {
	var ids []string
	for _, t := range trails {
		if t.Summary.Customer != "" {
			ids = append(ids, t.Summary.Customer)
		}
	}
	names, err := s.CustomerNames(ctx, ws, ids)
	for _, t := range trails {
		t.Summary.CustomerName = names[t.Summary.Customer]
	}
	return err
}

const sqlCustomer = `
SELECT ` + customerColumns + ` FROM customers c WHERE c.workspace_id = $1::int4 AND c.customer = $2::text`

// Customer is a customer who has a name. A fault NotFound (customer_name_not_found)
// where nobody gave one.
func (s *Store) Customer(ctx context.Context, ws int32, id string) (n customer.Named, err error) {
	defer fault.Wrap(&err, "Customer")
	if !utf8.ValidString(id) || hasNUL(id) {
		return n, noName()
	}
	list, err := s.customers(ctx, sqlCustomer, ws, id)
	if err == nil && len(list) == 0 {
		return n, noName()
	}
	if err != nil {
		return n, err
	}
	return list[0], nil
}

func noName() error {
	return fault.New(fault.NotFound, "customer_name_not_found", "Nobody gave this customer a name.")
}

func (s *Store) customers(ctx context.Context, sql string, args ...any) ([]customer.Named, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
	if err != nil {
		return nil, unavailable(err)
	}
	list, err := pgx.CollectRows(rows, scanCustomer)
	return list, unavailable(err)
}

const sqlNamedCustomers = `
SELECT ` + customerColumns + ` FROM customers c
WHERE c.workspace_id = $1::int4 AND c.customer > $2::text ORDER BY c.customer LIMIT $3::int4`

// Customers lists those who have a name, by ID.
func (s *Store) Customers(ctx context.Context, ws int32, limit int, cursor string) (list []customer.Named, next string, err error) {
	defer fault.Wrap(&err, "Customers")
	limit = min(max(limit, 1), MaxPage)
	after, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !utf8.Valid(after) || hasNUL(string(after)) {
		return nil, "", invalid("cursor", "is not one that this API gave out")
	}
	if list, err = s.customers(ctx, sqlNamedCustomers, ws, string(after), limit+1); err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = base64.RawURLEncoding.EncodeToString([]byte(list[limit-1].Customer))
	}
	return list, next, nil
}

// MaxCalled is how many customers of one name are given.
const MaxCalled = 20

// Whoever has it as an ID comes first.
const sqlCustomersCalled = `
SELECT ` + customerColumns + ` FROM (
  SELECT x.workspace_id, x.customer FROM customers x WHERE x.workspace_id = $1::int4 AND x.customer = $2::text
  UNION
  (SELECT x.workspace_id, x.customer FROM customers x WHERE x.workspace_id = $1::int4 AND x.folded = $3::text ORDER BY x.customer LIMIT $4::int4)) f
JOIN customers c ON c.workspace_id = f.workspace_id AND c.customer = f.customer
ORDER BY c.customer <> $2::text, c.customer LIMIT $4::int4`

// CustomersCalled are the customers that a text is the name of, however it is
// capitalised, or the ID: at most MaxCalled.
func (s *Store) CustomersCalled(ctx context.Context, ws int32, text string) (list []customer.Named, err error) {
	defer fault.Wrap(&err, "CustomersCalled")
	if text = customer.Asked(text); text == "" {
		return nil, nil
	}
	return s.customers(ctx, sqlCustomersCalled, ws, text, customer.Fold(text), MaxCalled)
}

// Whoever names customers of a workspace waits for others who do, so that two do not
// both take the last places.
const sqlLockCustomers = `SELECT pg_advisory_xact_lock(7232, $1::int4)`

const sqlCountCustomers = `SELECT count(*)::int8 FROM customers c WHERE c.workspace_id = $1::int4`

// Those that are called so already are left alone.
const sqlSetCustomers = `
INSERT INTO customers AS c (workspace_id, customer, name, folded, updated_by)
SELECT $1::int4, u.customer, u.name, u.folded, $5::text FROM unnest($2::text[], $3::text[], $4::text[]) AS u (customer, name, folded)
ON CONFLICT (workspace_id, customer) DO UPDATE SET name = excluded.name, folded = excluded.folded, updated_at = now(), updated_by = excluded.updated_by
WHERE c.name <> excluded.name`

const sqlCompareCustomers = `
SELECT count(*) FILTER (WHERE c.customer IS NULL)::int8, count(*) FILTER (WHERE c.name <> u.name)::int8
FROM unnest($2::text[], $3::text[]) AS u (customer, name)
LEFT JOIN customers c ON c.workspace_id = $1::int4 AND c.customer = u.customer`

// CustomerChanges are what an import changes.
type CustomerChanges struct {
	Added   int64 `json:"added"`
	Changed int64 `json:"changed"`
	Same    int64 `json:"same"`
}

// SetCustomerName gives a customer a name, or another one; the same again changes
// nothing. Errors: a fault Unprocessable that names the field, Conflict
// (too_many_customers).
func (s *Store) SetCustomerName(ctx context.Context, actor Actor, ws int32, id, name string) (set customer.Named, err error) {
	defer fault.Wrap(&err, "SetCustomerName")
	n, err := customer.Named{Customer: id, Name: name}.Check()
	if err != nil {
		return set, err
	}
	err = s.namingCustomers(ctx, ws, func(tx pgx.Tx) error {
		changes, err := setCustomers(ctx, tx, actor, ws, []customer.Named{n})
		if err != nil || changes.Same > 0 {
			return err
		}
		return audit(ctx, tx, ws, actor, "customer.name", n.Customer, nil)
	})
	if err != nil {
		return set, err
	}
	return s.Customer(ctx, ws, n.Customer)
}

// ImportCustomerNames gives customers the names of a list, all or none of them, and
// says what that changes; others keep theirs. A dry run only says it. Errors as of
// SetCustomerName.
func (s *Store) ImportCustomerNames(ctx context.Context, actor Actor, ws int32, names []customer.Named, dryRun bool) (changes CustomerChanges, err error) {
	defer fault.Wrap(&err, "ImportCustomerNames(%d names)", len(names))
	for i := range names {
		if names[i], err = names[i].Check(); err != nil {
			return changes, err
		}
	}
	if dryRun {
		return compareCustomers(ctx, s.pool, ws, names)
	}
	err = s.namingCustomers(ctx, ws, func(tx pgx.Tx) error {
		if changes, err = setCustomers(ctx, tx, actor, ws, names); err != nil || changes.Added+changes.Changed == 0 {
			return err
		}
		return audit(ctx, tx, ws, actor, "customer.import", "", map[string]any{"added": changes.Added, "changed": changes.Changed})
	})
	return changes, err
}

func (s *Store) namingCustomers(ctx context.Context, ws int32, fn func(pgx.Tx) error) error {
	return s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, sqlLockCustomers, ws); err != nil {
			return err
		}
		return fn(tx)
	})
}

func compareCustomers(ctx context.Context, q rowQuerier, ws int32, names []customer.Named) (out CustomerChanges, err error) {
	ids, called := column(names, func(n customer.Named) string { return n.Customer }), column(names, func(n customer.Named) string { return n.Name })
	err = q.QueryRow(ctx, sqlCompareCustomers, ws, ids, called).Scan(&out.Added, &out.Changed)
	out.Same = int64(len(names)) - out.Added - out.Changed
	return out, unavailable(err)
}

func setCustomers(ctx context.Context, tx pgx.Tx, actor Actor, ws int32, names []customer.Named) (changes CustomerChanges, err error) {
	if changes, err = compareCustomers(ctx, tx, ws, names); err != nil {
		return changes, err
	}
	if changes.Added > 0 {
		var have int64
		if err := tx.QueryRow(ctx, sqlCountCustomers, ws).Scan(&have); err != nil {
			return changes, err
		}
		if have+changes.Added > customer.MaxNames {
			return changes, fault.New(fault.Conflict, "too_many_customers", "A workspace names at most %d customers, and has %d; remove names that nobody needs first.", customer.MaxNames, have).With("limit", customer.MaxNames)
		}
	}
	_, err = tx.Exec(ctx, sqlSetCustomers, ws, column(names, func(n customer.Named) string { return n.Customer }), column(names, func(n customer.Named) string { return n.Name }),
		column(names, func(n customer.Named) string { return customer.Fold(n.Name) }), actor.Label)
	return changes, err
}

const sqlRemoveCustomer = `
DELETE FROM customers c WHERE c.workspace_id = $1::int4 AND c.customer = $2::text`

// RemoveCustomerName takes a customer's name away. A fault NotFound
// (customer_name_not_found) where there is none.
func (s *Store) RemoveCustomerName(ctx context.Context, actor Actor, ws int32, id string) (err error) {
	defer fault.Wrap(&err, "RemoveCustomerName")
	if !utf8.ValidString(id) || hasNUL(id) {
		return noName()
	}
	return s.inTx(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, sqlRemoveCustomer, ws, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			return noName()
		}
		return audit(ctx, tx, ws, actor, "customer.unname", id, nil)
	})
}
