package views

// TokensCard is the tokens of other systems, on the page Settings.
type TokensCard struct {
	Tokens  []TokenRow
	Form    TokenForm
	Example string // a request that enters an expense, for a shell
}

// TokenRow is a token; nothing of it is secret.
type TokenRow struct {
	ID     int64
	Name   string
	May    string // "enter expenses and push them"
	Made   string // "12 Jan 2026, 14:02, by ada@example.com"
	Used   string // the same, "" for never
	Revoke string // where to send it
}

// TokenForm is a new token as filled in so far.
type TokenForm struct {
	Name     string
	Scopes   []ScopeBox
	Problems map[string]string // name, scope
}

// ScopeBox is one thing that a token may do, to be ticked.
type ScopeBox struct {
	Scope  string // "expenses:write"
	Words  string // "Enter expenses"
	Ticked bool
}

// TokenPage shows a new token, once.
type TokenPage struct {
	Frame
	Name    string
	May     string
	Token   string
	Example string
}
