package customer_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/customer"
	"errata/internal/fault"
)

func TestCheck(t *testing.T) {
	n, err := customer.Named{Customer: " acme ", Name: " Acme Ltd "}.Check()
	require.NoError(t, err)
	assert.Equal(t, customer.Named{Customer: "acme", Name: "Acme Ltd"}, n)
	_, err = customer.Named{Customer: "acme", Name: strings.Repeat("ü", 200)}.Check()
	require.NoError(t, err, "characters, not bytes")
	for field, bad := range map[string][]customer.Named{
		"customer": {{Name: "A"}, {Customer: " ", Name: "A"}, {Customer: strings.Repeat("x", 201), Name: "A"}, {Customer: "a\x00", Name: "A"}, {Customer: "\xff", Name: "A"}},
		"name": {{Customer: "a"}, {Customer: "a", Name: "\t"}, {Customer: "a", Name: strings.Repeat("ü", 201)}, {Customer: "a", Name: "A\nB"}, {Customer: "a", Name: "A\x1b[1m"},
			{Customer: "a", Name: "A\u202eB"}, {Customer: "a", Name: "A\u2028B"}, {Customer: "a", Name: "A\x80"}},
	} {
		for _, b := range bad {
			_, err := b.Check()
			f := fault.Of(err)
			assert.Equal(t, []any{fault.Unprocessable, field}, []any{f.Kind, f.Details["field"]}, "%q", b)
		}
	}
}

func TestFold(t *testing.T) {
	for _, same := range []string{"Acme  Ltd", " acme ltd ", "ACME LTD", "Acme\u00a0Ltd"} {
		assert.Equal(t, "acme ltd", customer.Fold(same), "%q", same)
	}
	assert.Equal(t, "Acme Ltd", customer.Asked(" Acme Ltd\n"))
	assert.Empty(t, customer.Asked("Hello,\nwe get this since lunch"))
	assert.Empty(t, customer.Asked(strings.Repeat("x", 201)))
}

func read(t *testing.T, text string) (names, mistakes []string) {
	t.Helper()
	list, found := customer.Read("c.csv", []byte(text))
	for _, n := range list {
		names = append(names, n.Customer+"="+n.Name)
	}
	for _, m := range found {
		mistakes = append(mistakes, m.String())
	}
	return names, mistakes
}

func TestRead(t *testing.T) {
	for text, want := range map[string][]string{
		"acme,Acme Ltd\nglobex,Globex\n":                                   {"acme=Acme Ltd", "globex=Globex"},
		"customer,name\nacme,Acme Ltd":                                     {"acme=Acme Ltd"},
		"\ufeffName;Plan;Customer ID\r\n\"Acme; Inc\";team;acme\r\n\r\n":   {"acme=Acme; Inc"},
		"id\tname\nacme\tAcme, Ltd\n":                                      {"acme=Acme, Ltd"},
		"customer,name\nacme,\"He said \"\"Acme\"\"\"\n":                   {`acme=He said "Acme"`},
		"customer,name,notes\nacme,Acme Ltd,\"two\nlines\"\nglobex,Gl,x\n": {"acme=Acme Ltd", "globex=Gl"},
		" acme , Acme Ltd \n":                                              {"acme=Acme Ltd"},
	} {
		names, mistakes := read(t, text)
		assert.Empty(t, mistakes, "%q", text)
		assert.Equal(t, want, names, "%q", text)
	}
}

// Every bad line is told with its number, and then there are no names.
func TestReadMistakes(t *testing.T) {
	long := strings.Repeat("x", 201)
	names, mistakes := read(t, "customer,name\nacme,Acme\n,Nobody\nglobex,\nacme,Acme again\nx,"+long+"\ny\nz,A\x1bB\nok,\"a\nb\"\nq,a\"b\n")
	assert.Empty(t, names)
	assert.Equal(t, []string{
		"c.csv:3: customer: must be the ID of a customer, as services report it",
		"c.csv:4: name: must be what the customer is called",
		"c.csv:5: customer: is in line 2 already",
		"c.csv:6: name: is longer than 200 characters",
		"c.csv:7: has fewer columns than the first line names",
		"c.csv:8: name: has control characters, or is not UTF-8",
		"c.csv:9: name: has control characters, or is not UTF-8",
		`c.csv:11: is no CSV: bare " in non-quoted-field`,
	}, mistakes)
	for text, want := range map[string]string{
		"":                       "c.csv:1: has no names: a line is the ID of a customer, a comma and the name",
		"customer,name\n":        "c.csv:1: has no names: a line is the ID of a customer, a comma and the name",
		"acme\n":                 "c.csv:1: has 1 columns; without a first line that names them there are two: the ID of a customer and the name",
		"acme,Acme,team\n":       "c.csv:1: has 3 columns; without a first line that names them there are two: the ID of a customer and the name",
		"acme,Acme\nb,M\xfcller": "c.csv:2: is not UTF-8; save the file as CSV with UTF-8",
		"acme,\"Acme\nb,c\n":     `c.csv:1: is no CSV: extraneous or missing " in quoted-field`,
	} {
		_, mistakes := read(t, text)
		require.NotEmpty(t, mistakes, "%q", text)
		assert.Equal(t, want, mistakes[0], "%q", text)
	}
	_, mistakes = read(t, strings.Repeat("acme\n", 500))
	assert.Len(t, mistakes, 101)
	assert.Contains(t, mistakes[100], "there may be more")
}

func TestReadBounds(t *testing.T) {
	var b strings.Builder
	for i := range customer.MaxNames + 1 {
		fmt.Fprintf(&b, "c%d,N\n", i)
	}
	_, mistakes := read(t, b.String())
	assert.Equal(t, []string{"c.csv:1: has 200001 names; a workspace takes at most 200000"}, mistakes)
}

// What is written is read again, whatever it holds.
func FuzzRead(f *testing.F) {
	f.Add("acme,Acme Ltd\n")
	f.Add("customer;name\n\"a\";\"b\"\"\"\n")
	f.Fuzz(func(t *testing.T, text string) {
		list, mistakes := customer.Read("", []byte(text))
		assert.True(t, len(list) == 0 || len(mistakes) == 0)
		for _, n := range list {
			checked, err := n.Check()
			require.NoError(t, err)
			assert.Equal(t, n, checked)
			assert.True(t, utf8.ValidString(n.Name))
		}
		if len(list) == 0 {
			return
		}
		var b bytes.Buffer
		require.NoError(t, customer.Write(&b, list))
		again, mistakes := customer.Read("", b.Bytes())
		require.Empty(t, mistakes)
		assert.Equal(t, list, again)
	})
}
