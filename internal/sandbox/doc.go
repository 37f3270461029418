// Package sandbox is a Codat of our own, with accounting packages behind it, for first runs and tests. It speaks HTTP only, and
// its structs are its own, so that one misreading of Codat cannot hide on both sides.
//
// Its paths, replies, idempotency, delays, refusals and webhooks are those that Codat documents: see routes.go for what there
// is. A push is answered Pending, and lands later: the platform's rules (rules.go) judge it against the ledger as it is then,
// and its record and its new status are written together. Reads show what Codat last read, not what the ledger has: a new
// account is not listed before the next sync. With a Config.File everything that was answered is on the disk before the answer
// leaves, so the program may be killed at any moment; what was pending lands, and webhooks that were not taken are sent, after
// the next start.
//
// Where Codat documents nothing this is what happens here: a push or a sync on a connection that is not Linked is refused with
// 400; a push on a severed connection is accepted, then Failed, and makes the connection Deauthorized; a push whose connection
// is unlinked before it lands is Failed, and one whose company is deleted is never heard of again; the day's quota is counted in
// the headers and not enforced.
//
// # For tests and people: /_sandbox
//
// These paths want no Authorization; serve the sandbox on a loopback address only.
//
//	GET    /_sandbox/ledger/{company}           what was pushed into the books: {"directCosts":[…],"accounts":[…],"suppliers":[…]}
//	POST   /_sandbox/ledger/{company}           edits the books behind Codat's back: {"accounts":[{"id":"…","status":"Archived"}],"suppliers":[…]}
//	POST   /_sandbox/companies                  a linked company with a standard chart: {"name":"Litware","platformKey":"gbol","currency":"GBP,EUR"},
//	                                            with that many accounts and suppliers more: "accounts":10000,"suppliers":20000
//	POST   /_sandbox/connections/{id}/sever     as the platform would: nothing is seen of it before the next sync or push
//	GET    /_sandbox/scenarios                  those that wait for a write
//	POST   /_sandbox/scenarios                  adds one, or a list
//	DELETE /_sandbox/scenarios                  clears them
//
// An entry of the ledger has what was sent, and id, connectionId, operationKey and writtenAt; a directCost also has dataType,
// which is directIncomes for money that Xero took back, and attachments.
//
// # Scenarios
//
// A scenario makes the next writes misbehave. It matches by company, dataType (directCosts, chartOfAccounts, suppliers, and attachments
// for a file at a cost) and reference (for an account or supplier its name), each optional; the first that matches is used up after times writes (1 unless
// given; 0 means until cleared). A repeat that an idempotency key answers is no write, and uses none. Scenarios live in memory;
// what they made of an accepted write is kept with it.
//
//	{"effect":"fail","message":"The document date cannot be before the period lock date."}     accepted, then Failed
//	{"effect":"fail","validation":[{"itemId":"Reference","message":"Must be unique."}]}        the same with validation errors
//	{"effect":"refuse","status":429,"retryAfter":30}      not accepted: 3xx to 5xx, with message and validation if given
//	{"effect":"acceptThen"}                               accepted, then answered 500 (status, message: another answer)
//	{"effect":"acceptThen","then":"drop"}                 accepted, then the connection is closed without an answer
//	{"effect":"acceptThen","then":"hang"}                 accepted, then no answer until the client gives up
//	{"effect":"drop"}                                     closed before anything is accepted
//	{"effect":"hang"}                                     no answer and nothing accepted; the key is busy (409) meanwhile
//	{"effect":"timeout"}                                  TimedOut; nothing is written
//	{"effect":"timeoutBooked"}                            TimedOut for good, but the record is in the ledger
//	{"effect":"timeoutThenLand","late":"2s"}              TimedOut, and Success later
//	{"effect":"final"}                                    the answer is final already
//	{"delay":"3s"}                                        lands that much later
//	{"warning":"Tracking was ignored."}                   Success with a warning
//	{"webhooks":{"early":true}}                           the outcome is told before the push is answered
//	{"webhooks":{"copies":3}}                             told three times: as a repeat, and as sent again by hand
//	{"webhooks":{"reordered":true}}                       its first news waits for a later delivery (at most 2 s)
//	{"webhooks":{"pending":true}}                         Pending is told as well; with reordered after the outcome
//	{"webhooks":{"never":true}}                           nothing is told
//	{"webhooks":{"generation":"both"}}                    current, legacy or both
//
// Delay, warning and webhooks go with any effect that accepts.
package sandbox
