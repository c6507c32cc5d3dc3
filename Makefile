.PHONY: check test race bench screenshots build

build:
	CGO_ENABLED=0 go build -trimpath -o bin/tocsin ./cmd/tocsin

test:
	go test ./...

# What every change must pass; .ci/run adds PostgreSQL, the browser and fuzzing.
check:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	go test .
	go test -race -short -timeout 30m ./...

# Prints one table and tests no time. Options: make bench BENCH="-quick"
bench:
	go run ./bench $(BENCH)
	go test -run '^$$' -bench MailIntake -benchtime 2000x ./internal/incident/filing

# Makes docs/screenshot.png of the demo with a chromium; SCREENSHOT_CHROMIUM names another one.
screenshots:
	go run ./scripts/screenshot
