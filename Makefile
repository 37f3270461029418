# On Debian with Go: "make run" and open the address it prints. As root, what is missing is installed.
export PATH := $(PATH):/usr/local/go/bin
# A checkout that belongs to another user has no history that git would show to go build.
export GOFLAGS := -buildvcs=false $(GOFLAGS)

.PHONY: run build test race check pictures bench soak generate

run: ## builds and runs the server
	@[ -n "$$DATABASE_URL" ] || .ci/install postgres
	@$(MAKE) --no-print-directory build
	@exec ./tallylight

build:
	go build -o tallylight .

test: ## runs every test, those in the browser too
	@.ci/install postgres chromium
	go test -timeout 30m ./...

race: ## the same with the race detector, but for what pages look like
	@.ci/install postgres chromium gcc
	CGO_ENABLED=1 go test -race -timeout 40m -skip '^Test(Company|Mapping)?Pages$$' ./...

check: ## format, vet, staticcheck, generated code, modules
	@.ci/check

pictures: ## keeps pictures of every page in out/screenshots, light, dark and narrow
	@.ci/install postgres chromium
	go test -count=1 -run 'Pages' . -pictures

bench: ## runs the benchmarks
	@.ci/install postgres chromium
	go test -run '^$$' -bench . -benchmem -timeout 30m ./...

soak: ## runs the long tests, which no other target runs: those named TestSoak behind the build tag soak
	@.ci/install postgres chromium
	go test -tags soak -run '^TestSoak' -count=1 -timeout 3h -v ./...

generate: ## writes *_templ.go
	go tool templ fmt .
	go tool templ generate
