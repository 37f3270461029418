// Package simulation holds only tests: the promise that no expense is booked twice, none is lost, and no badge lies.
//
// A history is a few minutes to a few days in the life of one company or two. A random Codat answers, fails, hangs and lands
// late (codat_test.go, write_test.go); a random person presses, edits and decides (person_test.go); a few processes share the
// work and are stopped, frozen and killed between any two of their steps (process_test.go); and the clock of the database
// stands still unless the history moves it (world_test.go). All of it follows from one seed, and only one thing runs at a time,
// so a history that fails can be told again by its number:
//
//	go test ./internal/push/simulation -run TestHistories -seed=42
//
// What must hold after each history is in check_test.go. Histories thought up by hand are in nasty_test.go.
package simulation
