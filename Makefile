# What CI runs, in pieces. Everything but `lint`, `cross`, `node` and `browser`
# needs only Go.
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
FUZZTIME ?= 5s

.PHONY: test race vet fmt lint cross node browser screenshots fuzz bench ci

test:
	go test work

race:
	go test -race -shuffle=on work

vet:
	go vet work

fmt:
	@test -z "$$(gofmt -l .)" || { gofmt -l . ; exit 1; }

lint: fmt vet
	go run $(STATICCHECK) work

# Edge machines are users too.
cross:
	@set -e; for target in linux/arm64 linux/arm darwin/arm64 windows/amd64; do \
		echo $$target; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go build -o /dev/null ./adapters/passcoded; \
		CGO_ENABLED=0 GOOS=$${target%/*} GOARCH=$${target#*/} go vet ./store/... ./internal/...; \
	done

# What adapters/passcoded's TestNodeClient needs besides Node; without it that
# test skips.
node:
	cd adapters/httpapi/nodeclient && npm ci --ignore-scripts --no-audit --no-fund

# What the tests of the login pages in a browser need besides Chromium; without
# it they skip.
browser:
	cd adapters/loginpage/browsertest && npm ci --ignore-scripts --no-audit --no-fund

# Makes the pictures that the README shows, and others.
screenshots: browser
	PASSCODE_REQUIRE_BROWSER=1 PASSCODE_SCREENSHOTS=$(CURDIR)/screenshots go test -count=1 -run TestScreens ./adapters/loginpage/browsertest
	cp screenshots/readme/*.png adapters/loginpage/screenshots/

# Finds every fuzz target by itself.
fuzz:
	@set -e; for pkg in $$(go list work); do \
		for target in $$(go test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) $$pkg; \
		done; \
	done

bench:
	go run ./bench

ci:
	bash .ci/run
