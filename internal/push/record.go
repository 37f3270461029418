package push

// records are what accounting packages call the record that a cost becomes, by Codat's integration key.
var records = map[string]string{
	"gbol": "Spend Money transaction",
	"qhyg": "expense",
	"ndsk": "expense",
	"pqsw": "cheque",
	"akxx": "cheque",
	"fbrh": "bank transaction",
	"rwuv": "expense",
	"hbql": "bank payment",
}

// RecordName is what people who use an accounting package know a cost in it as; "record" where that is not known. Money that came
// back is another one in Xero.
func RecordName(platformKey string, cameBack bool) string {
	if name := records[platformKey]; name != "" && !cameBack {
		return name
	}
	if platformKey == "gbol" {
		return "Receive Money transaction"
	}
	return "record"
}
