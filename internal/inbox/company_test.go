package inbox

import (
	"slices"
	"testing"

	"tallylight/store"
)

// Companies of Codat's portal come and go as soon as a message says so; everything of one that went stays.
func TestCompaniesComeAndGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d := w.receive(`{"id":"1","eventType":"company.created","payload":{"id":"toft","name":"Toft Bikes","redirect":"https://link.codat.io/company/toft"}}`)
	c, err := w.Store.CompanyByCodatID(t.Context(), "toft")
	if err != nil || c.Name != "Toft Bikes" || c.RedirectURL != "https://link.codat.io/company/toft" || d.CompanyID == nil || *d.CompanyID != c.ID {
		t.Errorf("created: %+v, error %v, delivery %+v", c, err, d)
	}
	if asked := w.asked(); !slices.Equal(asked, []string{"toft"}) {
		t.Errorf("read are %q", asked)
	}

	w.receive(`{"id":"2","eventType":"company.deleted","payload":{"id":"northwind"}}`)
	if c, err = w.Store.Company(t.Context(), w.company); err != nil || c.DeletedAt == nil || c.Name != "Northwind" {
		t.Errorf("deleted: %+v, error %v", c, err)
	}
	items, err := w.Store.ConnectionItems(t.Context(), []int64{w.connection})
	if err != nil || len(items) != 1 || items[0].DeletedAt == nil {
		t.Errorf("its connection: %+v, error %v", items, err)
	}
	if cs, err := w.Store.Companies(t.Context()); err != nil || len(cs) != 1 || cs[0].CodatID != "toft" {
		t.Errorf("left are %+v, error %v", cs, err)
	}
	page, err := w.Store.CompanyPage(t.Context(), store.CompanyFilter{Deleted: true}, "", "")
	if err != nil || len(page.Companies) != 1 || page.Companies[0].ID != w.company {
		t.Errorf("deleted are %+v, error %v", page, err)
	}
}
