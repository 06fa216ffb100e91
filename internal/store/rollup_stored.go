package store

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"errata/internal/rollup"
)

// storedBlock is a row of rollup_blocks: a cube, or all that a service has for
// itself.
type storedBlock struct {
	level   rollup.Level
	start   time.Time
	cube    rollup.Cube
	service string
	content []byte
}

func scanBlock(row pgx.CollectableRow) (b storedBlock, err error) {
	err = row.Scan(&b.level, &b.start, &b.cube, &b.service, &b.content)
	b.start = b.start.UTC()
	return b, err
}

// blocks decodes those that are wanted, of all customers or of one.
func (b *storedBlock) blocks(want func(rollup.Cube) bool, customer string) ([]rollup.Block, error) {
	if b.cube != rollup.Bundle {
		table, err := rollup.Decode(b.cube, b.content, customer)
		return []rollup.Block{{Level: b.level, Start: b.start, Cube: b.cube, Service: b.service, Customer: customer, Table: table}}, err
	}
	cubes, tables, err := rollup.DecodeBundle(b.content, want, customer)
	out := make([]rollup.Block, len(cubes))
	for i := range cubes {
		out[i] = rollup.Block{Level: b.level, Start: b.start, Cube: cubes[i], Service: b.service, Customer: customer, Table: tables[i]}
	}
	return out, err
}

func collectBlocks(rows pgx.Rows) (out []rollup.Block, err error) {
	stored, err := pgx.CollectRows(rows, scanBlock)
	for i := range stored {
		if err != nil {
			break
		}
		var blocks []rollup.Block
		blocks, err = stored[i].blocks(func(rollup.Cube) bool { return true }, "")
		out = append(out, blocks...)
	}
	return out, err
}

// storedBlocks are the rows that hold the blocks.
func storedBlocks(blocks []rollup.Block) []storedBlock {
	var out []storedBlock
	own := map[string][]rollup.Block{}
	for i := range blocks {
		if b := &blocks[i]; b.Cube.Own() {
			own[b.Service] = append(own[b.Service], *b)
		} else {
			out = append(out, storedBlock{cube: b.Cube, content: b.Table.Encode()})
		}
	}
	for _, service := range slices.Sorted(maps.Keys(own)) {
		out = append(out, storedBlock{cube: rollup.Bundle, service: service, content: rollup.EncodeBundle(own[service])})
	}
	return out
}

func writeBlocks(ctx context.Context, tx pgx.Tx, m marked, upto time.Time, blocks []rollup.Block) error {
	if _, err := tx.Exec(ctx, sqlDropBlocks, m.workspace, m.level, m.start); err != nil {
		return err
	}
	if rows := storedBlocks(blocks); len(rows) > 0 {
		_, err := tx.Exec(ctx, sqlWriteBlocks, m.workspace, m.level, m.start,
			column(rows, func(b storedBlock) int16 { return int16(b.cube) }),
			column(rows, func(b storedBlock) string { return b.service }),
			column(rows, func(b storedBlock) []byte { return b.content }))
		if err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, sqlWriteSpan, m.workspace, m.level, m.start, upto)
	return err
}
