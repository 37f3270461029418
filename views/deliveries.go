package views

// toneIcon is the shape that goes with a tone, so that a lamp reads in greyscale.
func toneIcon(tone string) string {
	switch tone {
	case "good":
		return "complete"
	case "bad":
		return "failed"
	case "doubt":
		return "needs_checking"
	case "hold":
		return "on_hold"
	case "busy":
		return "in_progress"
	}
	return "not_pushed"
}
