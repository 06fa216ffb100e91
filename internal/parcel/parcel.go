// Package parcel packs Parts so that they can be kept outside the tables: in a
// collector's spool, and beside a rejection that may be tried again.
package parcel

import (
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"errata/internal/event"
	"errata/internal/identity"
)

// Parcel is a batch of Parts, of request totals, or of rejections of one
// workspace.
type Parcel struct {
	Parts      []identity.Part
	Requests   []event.Requests
	Workspace  int32
	Rejections []event.Rejection
}

// version is raised when an older program could not read the parcels.
const version = 1

type file struct {
	Version    int              `json:"v"`
	Parts      []part           `json:"parts,omitempty"`
	Requests   []event.Requests `json:"requests,omitempty"`
	Workspace  int32            `json:"workspace,omitempty"`
	Rejections []rejection      `json:"rejections,omitempty"`
}

// The bare types shed their originals' own JSON, which rounds times and leaves
// things out.
type (
	bareEvent     event.Event
	bareRejection event.Rejection
)

type rejection struct {
	bareRejection
	Item []byte `json:"item,omitempty"`
}

type part struct {
	Workspace  int32        `json:"ws"`
	Source     event.Source `json:"src"`
	Event      bareEvent    `json:"event"`
	Provider   string       `json:"provider,omitempty"`
	Version    int          `json:"fpv"`
	Grouping   []string     `json:"grouping,omitempty"`
	RawBody    []byte       `json:"body,omitempty"`
	Own        [16]byte     `json:"own"`
	Idempotent bool         `json:"idempotent"`
	Timed      bool         `json:"timed"`
	ClientKey  bool         `json:"client_key,omitempty"`
}

// maxUnpacked bounds what a record may become when it is unpacked.
const maxUnpacked = 512 << 20

var packer, unpacker = func() (*zstd.Encoder, *zstd.Decoder) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constant
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return enc, dec
}()

// Pack writes the parcel: JSON, zstd-compressed.
func (k Parcel) Pack() ([]byte, error) {
	f := file{Version: version, Workspace: k.Workspace, Requests: k.Requests, Parts: make([]part, len(k.Parts))}
	for _, r := range k.Rejections {
		f.Rejections = append(f.Rejections, rejection{bareRejection(r), r.Item})
	}
	for i := range k.Parts {
		p := &k.Parts[i]
		f.Parts[i] = part{
			Workspace: p.Workspace, Source: p.Source, Event: bareEvent(p.Event), Provider: p.Event.Provider, Version: p.Event.FingerprintVersion,
			Grouping: p.Event.Grouping, RawBody: p.Event.RawBody, Own: p.Own, Idempotent: p.Idempotent, Timed: p.HasOccurredAt, ClientKey: p.ClientKey,
		}
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("cannot pack a batch: %w", err)
	}
	return packer.EncodeAll(raw, nil), nil
}

// Unpack reads what Pack wrote. It accepts any input.
func Unpack(packed []byte) (Parcel, error) {
	raw, err := unpacker.DecodeAll(packed, nil)
	if err != nil {
		return Parcel{}, err
	}
	var f file
	if err := json.Unmarshal(raw, &f); err != nil {
		return Parcel{}, err
	}
	if f.Version != version {
		return Parcel{}, fmt.Errorf("it has version %d, this program reads %d", f.Version, version)
	}
	k := Parcel{Workspace: f.Workspace, Requests: f.Requests, Parts: make([]identity.Part, len(f.Parts))}
	for _, r := range f.Rejections {
		r.bareRejection.Item = r.Item
		k.Rejections = append(k.Rejections, event.Rejection(r.bareRejection))
	}
	for i := range f.Parts {
		p := &f.Parts[i]
		out := identity.Part{Workspace: p.Workspace, Source: p.Source, Event: event.Event(p.Event), Own: p.Own, Idempotent: p.Idempotent, HasOccurredAt: p.Timed, ClientKey: p.ClientKey}
		out.Event.Provider, out.Event.FingerprintVersion, out.Event.Grouping, out.Event.RawBody = p.Provider, p.Version, p.Grouping, p.RawBody
		out.Event.OccurredAt, out.Event.ReceivedAt = out.Event.OccurredAt.UTC(), out.Event.ReceivedAt.UTC()
		k.Parts[i] = out
	}
	return k, nil
}
