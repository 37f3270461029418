package sandbox

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
)

// firm is a company to be made, with what its books hold at first.
type firm struct {
	name       string
	platform   string // Codat's key
	status     string // of its connection
	currencies []string
	banks      []string // "name", "code/name" or "code/name/currency"
	suppliers  []string
	archived   []string // suppliers that were archived
	taxRates   []taxRate
	tracking   [][]string // each a parent and its children
}

// firms are the demo companies. Their ids depend on their names alone, so that they are the same after every restart.
var firms = []firm{
	{name: "Northwind Ltd", platform: "gbol", status: "Linked", currencies: []string{"GBP", "EUR", "USD"},
		banks: []string{"090/Business Current Account", "091/Business Savings Account", "092/Euro Account/EUR"},
		suppliers: []string{"Aldgate Taxis", "Blue Yonder Airlines", "Bridge Street Cafe", "City Power & Light", "Coho Vineyard", "Consolidated Messenger",
			"Fourth Coffee", "Graphic Design Institute", "Harbour View Hotel", "Humongous Insurance", "Lamna Healthcare", "Lucerne Publishing",
			"Margie's Travel", "Northern Rail", "Proseware", "School of Fine Art", "Southridge Video", "The Phone Company", "Trey Research", "Wingtip Toys"},
		archived: []string{"Datum Fax Services"},
		tracking: [][]string{{"Department", "Sales", "Operations", "Finance"}, {"Region", "North", "South"}}},
	{name: "Contoso Retail Inc", platform: "qhyg", status: "Linked", currencies: []string{"USD", "CAD", "EUR", "GBP"},
		banks: []string{"Checking", "Savings"},
		suppliers: []string{"Alpine Ski House", "Bellows College", "Best For You Organics", "Boulder Innovations", "City Cab Company", "Cliffside Office Supply",
			"Evergreen Utilities", "Fincher Architects", "First Up Consultants", "Liberty's Delightful Bakery", "Main Street Parking", "Munson's Pickles",
			"Nod Publishers", "Palmetto Air", "Relecloud", "Riverside Inn", "Tall Pines Fuel", "VanArsdel", "Westside Freight", "Woodgrove Insurance"},
		tracking: [][]string{{"CLASS", "Stores", "Online"}, {"DEPARTMENT", "Seattle", "Portland"}}},
	{name: "Fabrikam Espresso GmbH", platform: "gbol", status: "Linked", currencies: []string{"EUR", "CHF", "GBP", "USD"},
		banks: []string{"1200/Geschaeftskonto", "1210/Team Card"},
		suppliers: []string{"Alpenhotel Edelweiss", "Bahnhof Taxi Muenchen", "Bayerische Stromwerke", "Berlin Flughafen Parken", "Buero Schmidt", "Deutsche Schnellzug",
			"Druckerei Weber", "Gasthaus zur Post", "Kaffeehandel Lorenz", "Kurier Blitz", "Maschinenbau Keller", "Milchhof Allgaeu", "Rheinland Versicherung",
			"Rosterei Nord", "Telefon Union", "Werbeagentur Funke"},
		taxRates: []taxRate{vat("TAX001", "19% Vorsteuer", "19"), vat("TAX002", "7% Vorsteuer", "7"), vat("NONE", "Tax Exempt", "0")}},
	{name: "Adatum Builders", platform: "hbql", status: "Deauthorized", currencies: []string{"GBP"},
		banks: []string{"1200/Bank Current Account", "1230/Petty Cash"},
		suppliers: []string{"A & B Scaffolding", "Brickworks Direct", "Cement and Aggregate Co", "Dover Plant Hire", "Eastgate Fuels", "Fenland Timber",
			"Grange Skip Hire", "Hillside Motors", "Ironbridge Fixings", "Jubilee Workwear", "Kings Road Cafe", "Lock and Key Security", "Meadow Lodge",
			"Oakfield Insurance", "Parkway Stationers"},
		tracking: [][]string{{"Department", "Sites", "Office"}}},
	{name: "Tailspin Tours KK", platform: "gbol", status: "Linked", currencies: []string{"JPY", "USD"},
		banks: []string{"1110/Futsu Yokin", "1120/Company Card"},
		suppliers: []string{"Asahi Office Supply", "Chiyoda Printing", "Edo Ryokan", "Fuji Bus Lines", "Ginza Sushi Matsu", "Hakone Onsen Hotel", "Kanto Electric",
			"Kyoto Guide Service", "Minato Taxi", "Nippon Air Tickets", "Osaka Catering", "Sakura Telecom", "Shibuya Web Design", "Tokyo Rail Pass",
			"Yokohama Insurance"},
		taxRates: []taxRate{vat("INPUT10", "10% Consumption Tax on Purchases", "10"), vat("INPUT8", "8% Consumption Tax on Purchases", "8"), vat("NONE", "Tax Exempt", "0")}},
	{name: "Wide World Importers", platform: "gbol", status: "PendingAuth", currencies: []string{"GBP"}},
}

// standard is what the books of a company hold that is linked here by hand.
func standard(p platform, currency string) firm {
	f := firm{platform: p.Key, currencies: []string{currency}, banks: []string{"090/Business Bank Account", "091/Business Savings Account"},
		suppliers: []string{"City Cabs", "Consolidated Messenger", "Fourth Coffee", "Margie's Travel", "Proseware", "The Phone Company"}}
	switch {
	case p.xero():
		f.tracking = [][]string{{"Department", "Sales", "Operations"}}
	case p.files == "sage50":
		f.tracking = [][]string{{"Department", "Sales", "Operations"}}
	case p.quickBooks():
		f.tracking = [][]string{{"CLASS", "Stores", "Online"}, {"DEPARTMENT", "Seattle", "Portland"}}
	}
	if p.numbered {
		f.banks = []string{"Checking", "Savings"}
	}
	return f
}

var seedSpace = uuid.NewSHA1(uuid.NameSpaceDNS, []byte("sandbox.tallylight"))

func seedID(parts ...any) string {
	return uuid.NewSHA1(seedSpace, fmt.Append(nil, parts...)).String()
}

// seed makes the demo companies.
func (tx *tx) seed() {
	founded := time.Date(2025, 3, 3, 9, 0, 0, 0, time.UTC)
	for i, f := range firms {
		p, _ := platformOf(f.platform)
		c := company{ID: seedID("company", f.name), Name: f.name, Created: founded.Add(time.Duration(i) * 26 * time.Hour), Tags: map[string]string{}}
		tx.put(change{Company: &c})
		k := connection{ID: seedID("connection", f.name), CompanyID: c.ID, Platform: p.Key, SourceID: seedID("source", f.name), Status: f.status,
			Created: c.Created.Add(time.Hour), Currencies: f.currencies}
		if f.status == "PendingAuth" {
			tx.put(change{Connection: &k})
			continue
		}
		k.LastSync = tx.now()
		if f.status == "Deauthorized" {
			k.LastSync = founded.AddDate(0, 6, 0)
			k.Errors = []connectionError{deauthorized(k.LastSync.Add(25 * time.Hour))}
		}
		tx.put(change{Connection: &k})
		tx.fill(k, f, founded)
	}
}

// fill opens the books of k and lets Codat read them.
func (tx *tx) fill(k connection, f firm, at time.Time) {
	tx.open(k, f, at)
	for _, dataType := range dataTypes {
		tx.put(change{On: k.ID, Read: dataType})
	}
}

// open puts what f holds into the books of k.
func (tx *tx) open(k connection, f firm, at time.Time) {
	p, _ := platformOf(k.Platform)
	number := 0
	id := func(kind, name string) string {
		number++
		if p.numbered {
			return strconv.Itoa(number)
		}
		return seedID(k.ID, kind, name)
	}
	base, day := k.Currencies[0], platformTime(at)
	for _, a := range p.standardChart() {
		a.ID, a.Currency, a.ModifiedDate, a.SourceModifiedDate = id("account", a.NominalCode+a.Name), base, day, day
		if p.coded {
			a.ID = a.NominalCode
		}
		tx.put(change{On: k.ID, Account: &entry[account]{ID: a.ID, Record: a, WrittenAt: at}})
	}
	for i, bank := range f.banks {
		code, name, currency := splitBank(bank, base)
		a := newAccount(code, name, "Asset.Bank", "Active")
		if p.quickBooks() {
			a = newAccount(code, name, []string{"Asset.Bank.Checking", "Asset.Bank.Savings"}[i%2], "Active")
		}
		a.ID, a.Currency, a.IsBankAccount, a.ModifiedDate, a.SourceModifiedDate = id("account", code+name), currency, true, day, day
		if p.coded {
			a.ID = code
		}
		tx.put(change{On: k.ID, Account: &entry[account]{ID: a.ID, Record: a, WrittenAt: at}})
		b := bankAccount{ID: a.ID, AccountName: name, AccountType: "Debit", NominalCode: code, AccountNumber: fmt.Sprintf("1020%04d", 31+7*i),
			Currency: currency, Balance: "25000.00", Status: "Active", ModifiedDate: day, SourceModifiedDate: day}
		tx.put(change{On: k.ID, Bank: &entry[bankAccount]{ID: b.ID, Record: b, WrittenAt: at}})
	}
	for i, name := range append(f.suppliers[:len(f.suppliers):len(f.suppliers)], f.archived...) {
		s := supplier{ID: id("supplier", name), SupplierName: name, ContactName: name, Addresses: json.RawMessage("[]"), Status: "Active",
			DefaultCurrency: base, ModifiedDate: day, SourceModifiedDate: day}
		if i >= len(f.suppliers) {
			s.Status = "Archived"
		}
		tx.put(change{On: k.ID, Supplier: &entry[supplier]{ID: s.ID, Record: s, WrittenAt: at}})
	}
	rates := f.taxRates
	if rates == nil {
		rates = p.taxRates
	}
	for _, t := range rates {
		t.ModifiedDate, t.SourceModifiedDate = day, day
		tx.put(change{On: k.ID, TaxRate: &entry[taxRate]{ID: t.ID, Record: t, WrittenAt: at}})
	}
	for _, names := range f.tracking {
		parent := id("tracking", names[0])
		for i, name := range names {
			t := trackingCategory{ID: parent, Name: name, HasChildren: i == 0, Status: "Active", ModifiedDate: day, SourceModifiedDate: day}
			if i > 0 {
				t.ID, t.ParentID = id("tracking", names[0]+name), parent
			}
			tx.put(change{On: k.ID, Tracking: &entry[trackingCategory]{ID: t.ID, Record: t, WrittenAt: at}})
		}
	}
}

func splitBank(s, base string) (code, name, currency string) {
	parts := strings.Split(s, "/")
	switch len(parts) {
	case 1:
		return "", parts[0], base
	case 2:
		return parts[0], parts[1], base
	}
	return parts[0], parts[1], parts[2]
}
