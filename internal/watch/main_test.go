package watch

import (
	"testing"

	"errata/internal/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }
