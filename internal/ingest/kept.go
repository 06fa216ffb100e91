package ingest

import (
	"encoding/json"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"errata/internal/event"
	"errata/internal/identity"
)

// kept is what one record of the spool holds: a batch of Parts, or of
// rejections of one workspace.
type kept struct {
	Parts      []identity.Part
	Workspace  int32
	Rejections []event.Rejection
}

// keptVersion is raised when an older program could not read the records.
const keptVersion = 1

type keptFile struct {
	Version    int               `json:"v"`
	Parts      []keptPart        `json:"parts,omitempty"`
	Workspace  int32             `json:"workspace,omitempty"`
	Rejections []event.Rejection `json:"rejections,omitempty"`
}

// bareEvent sheds Event's own JSON, which rounds times and leaves things out.
type bareEvent event.Event

type keptPart struct {
	Workspace  int32        `json:"ws"`
	Source     event.Source `json:"src"`
	Event      bareEvent    `json:"event"`
	Provider   string       `json:"provider,omitempty"`
	Version    int          `json:"fpv"`
	RawBody    []byte       `json:"body,omitempty"`
	Own        [16]byte     `json:"own"`
	Idempotent bool         `json:"idempotent"`
	Timed      bool         `json:"timed"`
	ClientKey  bool         `json:"client_key,omitempty"`
}

// maxKept bounds what a record may become when it is unpacked.
const maxKept = 512 << 20

var keptPacker, keptUnpacker = func() (*zstd.Encoder, *zstd.Decoder) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constant
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(maxKept), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return enc, dec
}()

func (k kept) encode() ([]byte, error) {
	f := keptFile{Version: keptVersion, Workspace: k.Workspace, Rejections: k.Rejections, Parts: make([]keptPart, len(k.Parts))}
	for i := range k.Parts {
		p := &k.Parts[i]
		f.Parts[i] = keptPart{
			Workspace: p.Workspace, Source: p.Source, Event: bareEvent(p.Event), Provider: p.Event.Provider, Version: p.Event.FingerprintVersion,
			RawBody: p.Event.RawBody, Own: p.Own, Idempotent: p.Idempotent, Timed: p.HasOccurredAt, ClientKey: p.ClientKey,
		}
	}
	raw, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("cannot keep a batch: %w", err)
	}
	return keptPacker.EncodeAll(raw, nil), nil
}

func decodeKept(payload []byte) (kept, error) {
	raw, err := keptUnpacker.DecodeAll(payload, nil)
	if err != nil {
		return kept{}, err
	}
	var f keptFile
	if err := json.Unmarshal(raw, &f); err != nil {
		return kept{}, err
	}
	if f.Version != keptVersion {
		return kept{}, fmt.Errorf("it has version %d, this program reads %d", f.Version, keptVersion)
	}
	k := kept{Workspace: f.Workspace, Rejections: f.Rejections, Parts: make([]identity.Part, len(f.Parts))}
	for i := range f.Parts {
		p := &f.Parts[i]
		part := identity.Part{Workspace: p.Workspace, Source: p.Source, Event: event.Event(p.Event), Own: p.Own, Idempotent: p.Idempotent, HasOccurredAt: p.Timed, ClientKey: p.ClientKey}
		part.Event.Provider, part.Event.FingerprintVersion, part.Event.RawBody = p.Provider, p.Version, p.RawBody
		part.Event.OccurredAt, part.Event.ReceivedAt = part.Event.OccurredAt.UTC(), part.Event.ReceivedAt.UTC()
		k.Parts[i] = part
	}
	return k, nil
}
