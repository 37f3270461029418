package views

import "net/http"

// errorTitle is the heading of an error page.
func errorTitle(status int) string {
	switch status {
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusGone:
		return "There is nothing here"
	case http.StatusForbidden, http.StatusUnauthorized:
		return "This is not open to you"
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		return "Not just now"
	case http.StatusRequestEntityTooLarge:
		return "That is too large"
	}
	if status < http.StatusInternalServerError {
		return "That did not work"
	}
	return "Something went wrong"
}
