package ledger_test

import (
	"os"
	"testing"

	"tallylight/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
