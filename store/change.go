package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lib/pq"
)

// ChangeKind says what kind of row a Change is about.
type ChangeKind string

const (
	ExpenseChanged    ChangeKind = "expense"
	ConnectionChanged ChangeKind = "connection"
	DeliveryChanged   ChangeKind = "delivery"
	LedgerChanged     ChangeKind = "ledger" // a company's chart or suppliers; ID is the company's
	PauseChanged      ChangeKind = "pause"  // sending was paused or resumed; ID is the company's, 0 for all
	NoticeChanged     ChangeKind = "notice" // a notice or a foreign operation appeared, or was dealt with; ID is 0
	CheckChanged      ChangeKind = "check"  // a check of a connection became due; ID is 0
	PlanChanged       ChangeKind = "plan"   // a plan of many expenses came further; ID is the plan's
	WorkChanged       ChangeKind = "work"   // a step became due; ID is 0
	ImportChanged     ChangeKind = "import" // an import began, got on or ended
	InboxChanged      ChangeKind = "inbox"  // a delivery waits to be applied; ID is 0
)

// Change is "this row is different now". It is announced by NOTIFY with the commit that made it true.
type Change struct {
	Kind ChangeKind
	ID   int64
}

const (
	channel      = "tallylight"
	payloadLimit = 7000 // PostgreSQL refuses 8000 bytes
)

func (tx *Tx) changed(kind ChangeKind, ids ...int64) {
	for _, id := range ids {
		tx.changes = append(tx.changes, Change{kind, id})
	}
}

func (tx *Tx) announce(ctx context.Context) error {
	for _, payload := range payloads(tx.changes) {
		if _, err := tx.ExecContext(ctx, `SELECT pg_notify($1, $2)`, channel, payload); err != nil {
			return fmt.Errorf("announce changes: %w", err)
		}
	}
	return nil
}

// payloads writes changes as "kind:id kind:id …", each change once, in as few texts as fit a notification.
func payloads(changes []Change) []string {
	var out []string
	var b strings.Builder
	seen := make(map[Change]bool, len(changes))
	for _, c := range changes {
		if seen[c] {
			continue
		}
		seen[c] = true
		if b.Len() > payloadLimit {
			out = append(out, b.String())
			b.Reset()
		}
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(string(c.Kind))
		b.WriteByte(':')
		b.WriteString(strconv.FormatInt(c.ID, 10))
	}
	if b.Len() > 0 {
		out = append(out, b.String())
	}
	return out
}

func parsePayload(payload string) []Change {
	var out []Change
	for word := range strings.FieldsSeq(payload) {
		kind, id, ok := strings.Cut(word, ":")
		n, err := strconv.ParseInt(id, 10, 64)
		if ok && err == nil {
			out = append(out, Change{ChangeKind(kind), n})
		}
	}
	return out
}

// Listen calls heard with the changes that any process commits, in order, until ctx ends. A call with nil means that
// changes may have been missed (the connection was lost and is back, or has just been made): read everything again.
func (s *Store) Listen(ctx context.Context, heard func([]Change)) error {
	l := pq.NewDialListener(dialer{}, s.dsn, 50*time.Millisecond, 5*time.Second, nil)
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer func() {
		if stop() {
			l.Close()
		}
	}()
	if err := l.Listen(channel); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("listen for changes: %w", err)
	}
	heard(nil)
	quiet := time.NewTicker(30 * time.Second)
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-quiet.C:
			go l.Ping() // finds a dead connection; the listener then reconnects by itself
		case n, ok := <-l.Notify:
			if !ok {
				return nil
			}
			if n == nil {
				heard(nil)
				continue
			}
			changes := parsePayload(n.Extra)
			for more := true; more; {
				select {
				case n, ok = <-l.Notify:
					if !ok {
						return nil
					}
					if n == nil {
						heard(nil)
						changes = changes[:0]
						continue
					}
					changes = append(changes, parsePayload(n.Extra)...)
				default:
					more = false
				}
			}
			if len(changes) > 0 {
				heard(slices.Clone(changes))
			}
		}
	}
}
