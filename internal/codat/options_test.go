package codat_test

import (
	"net/http"
	"testing"

	"tallylight/internal/codat"
)

func TestOptions(t *testing.T) {
	t.Parallel()
	model, err := replies(t, http.StatusOK, sample(t, "options/get-create-chartOfAccounts-model.response-200.Xero.expenses-oas.json")).
		Options(t.Context(), "co", "link", "chartOfAccounts")
	if err != nil {
		t.Fatal(err)
	}
	categories := model.Properties["fullyQualifiedCategory"].Options
	if len(categories) != 21 || categories[0] != (codat.OptionChoice{Value: "Asset.Current", DisplayName: "Current Asset"}) {
		t.Errorf("categories are %+v", categories)
	}
	if !model.Properties["name"].Required || model.Properties["description"].Required {
		t.Errorf("read %+v", model.Properties)
	}
	if _, err := replies(t, http.StatusNotFound, []byte(`{"error":"Data type chartOfAccounts is not supported for FreeAgent."}`)).
		Options(t.Context(), "co", "link", "chartOfAccounts"); err == nil {
		t.Error("what a platform does not take is no error")
	}
}

func TestTrackingCategories(t *testing.T) {
	t.Parallel()
	page, err := replies(t, http.StatusOK, []byte(`{"results":[{"id":"d","name":"Department","hasChildren":true,"status":"Active"},
		{"id":7,"name":"Sales","parentId":"d","hasChildren":false,"status":"Archived","metadata":{"isDeleted":true}}]}`)).TrackingCategories(t.Context(), "co", 1)
	want := codat.TrackingCategory{ID: "7", Name: "Sales", ParentID: "d", Status: "Archived", Metadata: codat.Metadata{IsDeleted: true}}
	if err != nil || len(page.Results) != 2 || !page.Results[0].HasChildren || page.Results[1] != want {
		t.Errorf("read %+v, %v", page.Results, err)
	}
}
