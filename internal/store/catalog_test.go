package store_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

var lea = store.Actor{Kind: "session", ID: "link", Label: "leo"}

func drift(service, title string) catalog.Entry {
	return catalog.Entry{Service: service, Code: "LedgerDrift", Title: title, Plain: "Two postings disagree.", Causes: []string{"a retry"}, Fixes: []string{"wait"}, AlsoSeenAs: []string{"LEDGER-DRIFT-2"}}
}

func TestCatalog(t *testing.T) {
	for _, mode := range []string{"", "exec"} {
		f := open(t, store.Options{ExecMode: mode})
		ctx, ws := t.Context(), store.DefaultWorkspace
		ev := event.Event{Service: "billing", Code: "ledger_drift", Status: 409, Family: event.FamilyCaller}
		says := func(s *store.Store) string {
			book, err := s.Catalog(ctx, ws)
			require.NoError(t, err)
			return book.Explain(ev).Title
		}
		assert.Equal(t, "It conflicts with what is there", says(f.Store), "what is built in is there without a row")

		first, err := f.SaveCatalogEntry(ctx, ada, ws, drift(" billing ", "Books differ"), 0)
		require.NoError(t, err)
		assert.Equal(t, catalog.Key{Service: "billing", Code: "ledger_drift"}, first.Key())
		assert.Equal(t, []any{1, "ada"}, []any{first.Version, first.UpdatedBy})
		assert.Equal(t, "Books differ", says(f.Store))
		same, err := f.SaveCatalogEntry(ctx, lea, ws, drift("billing", "Books differ"), 1)
		require.NoError(t, err)
		assert.Equal(t, first, same, "the same again changes nothing")

		// Another process sees it at once, although it has read before.
		other, err := store.Open(ctx, store.Options{URL: f.url, ExecMode: mode})
		require.NoError(t, err)
		t.Cleanup(other.Close)
		assert.Equal(t, "Books differ", says(other))
		second, err := f.SaveCatalogEntry(ctx, lea, ws, drift("billing", "Books do not agree"), 1)
		require.NoError(t, err)
		assert.Equal(t, []any{2, "leo"}, []any{second.Version, second.UpdatedBy})
		assert.Equal(t, "Books do not agree", says(other))

		// Nobody overwrites what they have not seen.
		for version, want := range map[int]string{0: "There is an entry for billing/ledger_drift already, at version 2", 1: "is at version 2, which leo made, and not at 1 any more"} {
			_, err = f.SaveCatalogEntry(ctx, ada, ws, drift("billing", "mine"), version)
			assert.Equal(t, "catalog_entry_changed", fault.Of(err).Code)
			assert.Contains(t, fault.Of(err).Message, want)
			assert.Equal(t, 2, fault.Of(err).Details["version"])
		}
		assert.Equal(t, "catalog_entry_changed", fault.Of(f.RemoveCatalogEntry(ctx, ada, ws, second.Key(), 1)).Code)
		_, err = f.SaveCatalogEntry(ctx, ada, ws, drift("billing", ""), 2)
		assert.Equal(t, "title", fault.Of(err).Details["field"])

		// What was removed is as it was before, and can be had again.
		require.NoError(t, f.RemoveCatalogEntry(ctx, ada, ws, second.Key(), 2))
		assert.Equal(t, "It conflicts with what is there", says(other))
		assert.True(t, fault.Is(f.RemoveCatalogEntry(ctx, ada, ws, second.Key(), store.AnyVersion), fault.NotFound))
		_, err = f.CatalogEntry(ctx, ws, second.Key())
		assert.True(t, fault.Is(err, fault.NotFound))
		_, err = f.SaveCatalogEntry(ctx, ada, ws, drift("billing", "x"), 2)
		assert.Contains(t, fault.Of(err).Message, "was removed after you read version 2")
		back, err := f.RevertCatalogEntry(ctx, lea, ws, second.Key(), 1, 0)
		require.NoError(t, err)
		assert.Equal(t, 4, back.Version)
		assert.True(t, back.Same(first))
		for _, version := range []int{3, 9} {
			_, err = f.RevertCatalogEntry(ctx, lea, ws, second.Key(), version, 4)
			assert.Equal(t, "catalog_version_not_found", fault.Of(err).Code)
		}

		history, err := f.CatalogHistory(ctx, ws, second.Key(), 0, 10)
		require.NoError(t, err)
		var got []string
		for _, r := range history {
			got = append(got, fmt.Sprintf("%d %s %s %t %s", r.Version, r.Act, r.Actor.Label, r.Entry != nil, strings.Join(r.Fields, ",")))
		}
		assert.Equal(t, []string{"4 revert leo true title,plain,causes,fixes,also_seen_as", "3 remove ada false title,plain,causes,fixes,also_seen_as", "2 save leo true title", "1 save ada true title,plain,causes,fixes,also_seen_as"}, got)
		older, err := f.CatalogHistory(ctx, ws, second.Key(), 3, 1)
		require.NoError(t, err)
		require.Len(t, older, 1)
		assert.Equal(t, 2, older[0].Version)

		// What is another workspace's is neither seen nor changed.
		_, err = f.SaveCatalogEntry(ctx, ada, 2, drift("billing", "theirs"), 0)
		require.NoError(t, err)
		assert.Equal(t, "Books differ", says(f.Store))
		assert.Equal(t, "catalog_version_not_found", fault.Of(func() error { _, err := f.RevertCatalogEntry(ctx, lea, 2, second.Key(), 2, 1); return err }()).Code)

		var audits []string
		rows, err := f.db.Query(ctx, `SELECT action || ' ' || target || ' ' || actor_label FROM audit WHERE workspace_id = 1 AND action LIKE 'catalog.%' ORDER BY id`)
		require.NoError(t, err)
		for rows.Next() {
			var s string
			require.NoError(t, rows.Scan(&s))
			audits = append(audits, s)
		}
		assert.Equal(t, []string{"catalog.save billing/ledger_drift ada", "catalog.save billing/ledger_drift leo", "catalog.remove billing/ledger_drift ada", "catalog.revert billing/ledger_drift leo"}, audits)
	}
}

func TestImportCatalog(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	_, err := f.SaveCatalogEntry(ctx, ada, ws, drift("billing", "Books differ"), 0)
	require.NoError(t, err)
	want := []catalog.Entry{drift("billing", "Changed"), {Code: "new_one", Title: "t", Plain: "p"}, {Service: "billing", Code: catalog.All, Profile: "x-api-key"}}
	plan, err := f.ImportCatalog(ctx, ada, ws, want, false, "")
	require.NoError(t, err)
	require.Len(t, plan.Ops, 3)
	book, err := f.Catalog(ctx, ws)
	require.NoError(t, err)
	require.Len(t, book.Entries(), 1, "looking changes nothing")

	_, err = f.SaveCatalogEntry(ctx, lea, ws, drift("billing", "Meanwhile"), 1)
	require.NoError(t, err)
	_, err = f.ImportCatalog(ctx, ada, ws, want, false, plan.Digest())
	assert.Equal(t, "plan_changed", fault.Of(err).Code)
	plan, err = f.ImportCatalog(ctx, ada, ws, want, false, "")
	require.NoError(t, err)
	_, err = f.ImportCatalog(ctx, ada, ws, want, false, plan.Digest())
	require.NoError(t, err)
	book, err = f.Catalog(ctx, ws)
	require.NoError(t, err)
	assert.Len(t, book.Entries(), 3)
	again, err := f.ImportCatalog(ctx, ada, ws, want, true, "")
	require.NoError(t, err)
	assert.Empty(t, again.Ops)
	assert.Equal(t, 3, again.Same)

	// All of it or nothing: what does not fit at the end takes back what did.
	full := make([]catalog.Entry, 0, 500)
	for i := range 500 {
		e := catalog.Entry{Code: fmt.Sprintf("c_%d", i), Title: "t", Plain: "p", Causes: []string{}}
		for j := range 20 {
			e.Causes = append(e.Causes, fmt.Sprintf("%d %s", j, strings.Repeat("x", 450)))
		}
		full = append(full, e)
	}
	plan, err = f.ImportCatalog(ctx, ada, ws, full, false, "")
	require.NoError(t, err)
	_, err = f.ImportCatalog(ctx, ada, ws, full, false, plan.Digest())
	assert.Equal(t, "catalog_full", fault.Of(err).Code)
	book, err = f.Catalog(ctx, ws)
	require.NoError(t, err)
	assert.Len(t, book.Entries(), 3)
}

// Of many who change the same version one does.
func TestCatalogIsChangedOneByOne(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	var wg sync.WaitGroup
	var mu sync.Mutex
	saved := 0
	for i := range 8 {
		wg.Go(func() {
			_, err := f.SaveCatalogEntry(context.WithoutCancel(ctx), ada, ws, drift("billing", fmt.Sprint("title ", i)), 0)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				saved++
			} else {
				assert.Equal(t, "catalog_entry_changed", fault.Of(err).Code)
			}
		})
	}
	wg.Wait()
	assert.Equal(t, 1, saved)
	history, err := f.CatalogHistory(ctx, ws, catalog.Key{Service: "billing", Code: "ledger_drift"}, 0, 10)
	require.NoError(t, err)
	assert.Len(t, history, 1)
}

// A look-up whose entries did not change reads none, and by keys only.
func TestCatalogIsOneLookByKey(t *testing.T) {
	f := open(t, store.Options{})
	ctx, ws := t.Context(), store.DefaultWorkspace
	var entries []catalog.Entry
	for i := range 300 {
		entries = append(entries, catalog.Entry{Service: "s", Code: fmt.Sprintf("c_%d", i), Title: "t", Plain: "p"})
	}
	plan, err := f.ImportCatalog(ctx, ada, ws, entries, false, "")
	require.NoError(t, err)
	_, err = f.ImportCatalog(ctx, ada, ws, entries, false, plan.Digest())
	require.NoError(t, err)
	_, err = f.db.Exec(ctx, `ANALYZE catalog_entries, catalog_books`)
	require.NoError(t, err)
	first, err := f.Catalog(ctx, ws)
	require.NoError(t, err)
	again, err := f.Catalog(ctx, ws)
	require.NoError(t, err)
	assert.Same(t, first, again)
	assert.Len(t, again.Entries(), 300)
	var plans string
	rows, err := f.db.Query(ctx, `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) `+store.SQLCatalogBook, ws, 1, 2000)
	require.NoError(t, err)
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		plans += line + "\n"
	}
	assert.Regexp(t, `(?s)One-Time Filter.*catalog_entries e \(never executed\)`, plans)
}
