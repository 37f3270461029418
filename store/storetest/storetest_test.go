package storetest_test

import (
	"os"
	"testing"

	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	t.Parallel()
	one, two := storetest.DSN(t), storetest.DSN(t)
	if one == two {
		t.Fatalf("both are %s", one)
	}
	if _, err := storetest.DB(t, one).Exec(`INSERT INTO companies (codat_id, name) VALUES ('c1', 'Northwind')`); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := storetest.DB(t, two).Get(&n, `SELECT count(*) FROM companies`); err != nil || n != 0 {
		t.Errorf("the other database has %d companies, %v", n, err)
	}
	if err := storetest.New(t).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}
