package views

// connectionPath is where a connection lives.
func connectionPath(id int64) string { return "/connections/" + digits(id) }

// noneOf says what a list of connections that is narrowed to nothing means.
var noneOf = map[string]string{
	"broken":  "Every connection that was linked still is, as far as Codat has noticed.",
	"stale":   "Something went through every linked connection within the last day.",
	"pending": "No customer has a link left to finish.",
}
