package web

import (
	"bytes"
	"strconv"
	"strings"
)

// Event is news for the browsers.
type Event struct {
	Name  string // the SSE event name, such as "expense"
	Topic string // who hears it, such as "expenses"; "" = everybody
	Key   string // the row it is about, such as "42"; "" = no single row
	Fresh bool   // the row is new: it goes to pages that do not show it yet, too
	Data  []byte // HTML

	Zoned map[string][]byte // in place of Data, HTML that has times: by the zone of the pages that it is for
}

const resync = "resync"

// slot is what an event replaces: the newest of a slot is enough.
type slot struct{ topic, name, key string }

// frame is an event as it goes over the wire. It is shared by all streams.
type frame struct {
	id    uint64
	bytes []byte
}

func newFrame(id uint64, name string, data []byte) frame {
	var b bytes.Buffer
	b.WriteString("id: ")
	b.WriteString(strconv.FormatUint(id, 10))
	b.WriteString("\nevent: ")
	b.WriteString(oneLine.Replace(name))
	b.WriteByte('\n')
	for line := range strings.SplitSeq(lineBreaks.Replace(string(data)), "\n") {
		b.WriteString("data: ")
		b.WriteString(line)
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	return frame{id, b.Bytes()}
}

var (
	// lineBreaks spells the three line breaks of the SSE format as one.
	lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n")
	oneLine    = strings.NewReplacer("\r", " ", "\n", " ")
)
