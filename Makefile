# Errata. `make` prints what there is to do.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X errata/internal/app.Version=$(VERSION)
FUZZ    ?= 3s
PKG     ?= ./...

.DEFAULT_GOAL := help

.PHONY: help
help: ## Print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build the binaries into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

.PHONY: run
run: ## Install what is missing, build, and run everything on a private PostgreSQL
	@scripts/setup.sh postgresql
	@$(MAKE) --no-print-directory build
	@exec bin/errata serve

.PHONY: demo
demo: ## The same, with living traffic of simulated services
	@scripts/setup.sh postgresql
	@$(MAKE) --no-print-directory build
	@exec bin/errata demo

.PHONY: test
test: ## Install what is missing and run every check and test
	@scripts/setup.sh postgresql chromium compiler alertmanager
	@$(MAKE) --no-print-directory lint
	$(GO) run ./internal/pgtest/with-postgres $(GO) test -race -timeout 15m $(PKG)
	@$(MAKE) --no-print-directory fuzz

.PHONY: lint
lint: ## Check formatting, go.mod, vet, and staticcheck
	@test -z "$$(gofmt -l . | tee /dev/stderr)" || { echo 'run: make fmt'; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) tool staticcheck ./...

.PHONY: fmt
fmt: ## Format the code
	gofmt -w .

.PHONY: fuzz
fuzz: ## Fuzz every target for FUZZ (3s) each
	@scripts/fuzz.sh $(FUZZ)

CHAOS   ?= 3m

.PHONY: chaos
chaos: ## Kill collector and database under load for CHAOS (3m), then count
	@scripts/setup.sh postgresql
	ERRATA_CHAOS=$(CHAOS) $(GO) test -count 1 -run '^TestChaos$$' -v -timeout 60m ./internal/e2e

.PHONY: bench
bench: ## Measure, as ratios in one run; ERRATA_BENCH_ROWS=10000000 adds a full day, and ERRATA_BENCH_DAYS=30 with it a full store
	@scripts/setup.sh postgresql
	$(GO) test -run '^$$' -bench 'Trail|Write' -benchtime 1x -timeout 30m ./internal/store
	$(GO) test -run '^$$' -bench . -benchtime 1x -v -timeout 90m ./internal/e2e
	$(GO) test -run '^$$' -bench . ./internal/otlp ./internal/normalize ./internal/route

REPS    ?= 9

.PHONY: bench-alerts
bench-alerts: ## Measure the alert rules beside common practice, on REPS (9) times twelve simulated series, and on NAB if ERRATA_NAB_DIR says where it is
	GOMAXPROCS=1 ERRATA_ALERT_REPS=$(REPS) $(GO) test -count 1 -run '^TestAlerts$$' -v -timeout 30m ./internal/simulate
	$(GO) test -run '^$$' -bench . ./internal/detect
	$(GO) test -count 1 -run '^TestNAB$$' -v ./internal/nab
	ERRATA_ALERT_FAULTS=1 $(GO) run ./internal/pgtest/with-postgres $(GO) test -count 1 -run '^(TestJudgingNeedsNoMoreFromDayToDay|TestBreakingOffAtEveryStatement)$$' -v -timeout 30m ./internal/store

.PHONY: clean
clean: ## Remove what was built
	rm -rf bin dist
