package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// ImportState says how far an import is.
type ImportState string

const (
	ImportDraft   ImportState = "draft"   // uploaded; nothing of it is entered
	ImportRunning ImportState = "running" // its expenses are being entered, and appear all at once
	ImportDone    ImportState = "done"
)

// Import is a file of expenses that somebody uploaded. Format and Preview are csvfile's.
type Import struct {
	ID        int64
	Name      string
	Size      int64
	State     ImportState
	Format    json.RawMessage
	Preview   json.RawMessage // null when the file is to be read again
	Trouble   string          // why the last try to enter it came to nothing
	Total     int             // expenses to be entered
	Entered   int             // of them so far, and at the end
	Here      int             // that were here already
	Actor     string          // who uploaded it
	CreatedAt time.Time       `db:"created_at"`
	StartedBy *int64          `db:"started_by"`
	Starter   string          // who had it entered
	StartedAt *time.Time      `db:"started_at"`
	EndedAt   *time.Time      `db:"ended_at"`
}

// ImportFix is a change of an uploaded file: what a cell of some lines becomes, or, with nil, that the expenses of these lines are
// left out.
type ImportFix struct {
	ID      int64
	Cell    string // the column
	Lines   []int32
	Was     string
	Becomes *string
	MadeBy  string
}

const importColumns = `id, name, size, state, format, coalesce(preview, 'null') AS preview, trouble, total, entered, here, actor, created_at,
	started_by, starter, started_at, ended_at`

const importPart = 256 << 10

// ErrImportMoved means that an import is not as it was when the page was made: somebody has it entered, or has.
var ErrImportMoved = errors.New("the import has moved on")

// DraftsMost is how many files of one person may wait to be imported.
const DraftsMost = 20

// ErrDraftsMost means that a person has as many drafts as one may have.
var ErrDraftsMost = errors.New("the person has enough drafts of imports")

// AddImport keeps a file that is read from r, piece by piece. It is a draft when all of it has come; a file that breaks off leaves
// nothing. Of who has DraftsMost drafts it is not read: ErrDraftsMost.
func (s *Store) AddImport(ctx context.Context, by User, name string, r io.Reader) (id int64, err error) {
	err = s.db.GetContext(ctx, &id, `INSERT INTO imports (name, created_by, actor) SELECT $1, nullif($2, 0), $3
		WHERE (SELECT count(*) FROM imports WHERE created_by = $2 AND (state = 'draft' OR state = 'uploading' AND created_at > clock() - interval '10 min')) < $4 RETURNING id`,
		name, by.ID, by.Email, DraftsMost)
	if errors.Is(err, ErrNotFound) {
		return 0, ErrDraftsMost
	}
	if err != nil {
		return 0, fmt.Errorf("add import: %w", err)
	}
	if err = s.fillImport(ctx, id, r); err != nil {
		_, undo := s.db.ExecContext(context.WithoutCancel(ctx), `DELETE FROM imports WHERE id = $1`, id)
		return 0, errors.Join(err, undo)
	}
	return id, nil
}

func (s *Store) fillImport(ctx context.Context, id int64, r io.Reader) error {
	part, size := make([]byte, importPart), 0
	for n := 0; ; n++ {
		got := 0
		var err error
		for got < len(part) && err == nil { // io.ReadFull cannot tell a file's end from one that broke off
			var more int
			more, err = r.Read(part[got:])
			got += more
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("receive import: %w", err)
		}
		if got > 0 || n == 0 {
			if _, err := s.db.ExecContext(ctx, `INSERT INTO import_parts (import_id, n, bytes) VALUES ($1, $2, $3)`, id, n, part[:got]); err != nil {
				return fmt.Errorf("keep import: %w", err)
			}
		}
		size += got
		if err != nil {
			break
		}
	}
	if _, err := s.db.ExecContext(ctx, `UPDATE imports SET state = 'draft', size = $2 WHERE id = $1`, id, size); err != nil {
		return fmt.Errorf("keep import: %w", err)
	}
	return nil
}

// Import returns an uploaded file with what was changed in it, first change first; or ErrNotFound.
func (s *Store) Import(ctx context.Context, id int64) (Import, []ImportFix, error) {
	var i Import
	if err := s.db.GetContext(ctx, &i, `SELECT `+importColumns+` FROM imports WHERE id = $1 AND state <> 'uploading'`, id); err != nil {
		return i, nil, fmt.Errorf("read import %d: %w", id, err)
	}
	rows, err := s.db.QueryContext(ctx, `SELECT id, cell, lines, was, becomes, made_by FROM import_fixes WHERE import_id = $1 ORDER BY id`, id)
	if err != nil {
		return i, nil, fmt.Errorf("read changes of import %d: %w", id, err)
	}
	defer rows.Close()
	var fixes []ImportFix
	for rows.Next() {
		var f ImportFix
		if err := rows.Scan(&f.ID, &f.Cell, (*pq.Int32Array)(&f.Lines), &f.Was, &f.Becomes, &f.MadeBy); err != nil {
			return i, nil, fmt.Errorf("read changes of import %d: %w", id, err)
		}
		fixes = append(fixes, f)
	}
	return i, fixes, rows.Err()
}

// Imports returns the newest uploaded files, without their previews.
func (s *Store) Imports(ctx context.Context, limit int) ([]Import, error) {
	var is []Import
	err := s.db.SelectContext(ctx, &is, `SELECT id, name, size, state, trouble, total, entered, here, actor, created_at, starter, started_at, ended_at
		FROM imports WHERE state <> 'uploading' ORDER BY id DESC LIMIT $1`, limit)
	if err != nil {
		return nil, fmt.Errorf("list imports: %w", err)
	}
	return is, nil
}

// ImportFile is the file as it was uploaded. It keeps one piece in memory.
func (s *Store) ImportFile(ctx context.Context, i Import) io.ReadSeeker {
	return io.NewSectionReader(&importFile{s: s, ctx: ctx, id: i.ID, n: -1}, 0, i.Size)
}

type importFile struct {
	s    *Store
	ctx  context.Context
	id   int64
	n    int64 // of the piece at hand, -1 before the first
	part []byte
}

func (f *importFile) ReadAt(p []byte, at int64) (int, error) {
	read := 0
	for read < len(p) {
		if n := at / importPart; n != f.n {
			f.part = nil // the old one's room is there for the new one
			err := f.s.db.GetContext(f.ctx, &f.part, `SELECT bytes FROM import_parts WHERE import_id = $1 AND n = $2`, f.id, n)
			if errors.Is(err, ErrNotFound) {
				return read, io.ErrUnexpectedEOF
			}
			if err != nil {
				return read, fmt.Errorf("read import %d: %w", f.id, err)
			}
			f.n = n
		}
		from := int(at % importPart)
		if from >= len(f.part) {
			return read, io.EOF
		}
		n := copy(p[read:], f.part[from:])
		read, at = read+n, at+int64(n)
	}
	return read, nil
}

// FormatImport says how a draft is to be read, and that it is to be read again.
func (s *Store) FormatImport(ctx context.Context, id int64, format json.RawMessage) error {
	return s.changeDraft(ctx, `UPDATE imports SET format = $2, preview = NULL, trouble = '' WHERE id = $1 AND state = 'draft'`, id, string(format))
}

// PreviewImport keeps what reading a draft found, and how many expenses there are to be entered. Of a draft that was changed
// meanwhile it keeps nothing.
func (s *Store) PreviewImport(ctx context.Context, i Import, fixes []ImportFix, preview json.RawMessage, total int) error {
	last := int64(0)
	if len(fixes) > 0 {
		last = fixes[len(fixes)-1].ID
	}
	_, err := s.db.ExecContext(ctx, `UPDATE imports SET preview = $2, total = $3 WHERE id = $1 AND state = 'draft' AND format = $4
		AND (SELECT count(*) FROM import_fixes WHERE import_id = $1) = $5 AND (SELECT coalesce(max(id), 0) FROM import_fixes WHERE import_id = $1) = $6`,
		i.ID, string(preview), total, string(i.Format), len(fixes), last)
	if err != nil {
		return fmt.Errorf("keep preview of import %d: %w", i.ID, err)
	}
	return nil
}

// FixImport changes a draft.
func (s *Store) FixImport(ctx context.Context, by User, id int64, f ImportFix) error {
	return s.changeDraft(ctx, `WITH draft AS (UPDATE imports SET preview = NULL, trouble = '' WHERE id = $1 AND state = 'draft' RETURNING id)
		INSERT INTO import_fixes (import_id, cell, lines, was, becomes, made_by) SELECT id, $2, $3, $4, $5, $6 FROM draft`,
		id, f.Cell, pq.Int32Array(f.Lines), f.Was, f.Becomes, by.Email)
}

// UnfixImport undoes a change of a draft.
func (s *Store) UnfixImport(ctx context.Context, id, fix int64) error {
	return s.changeDraft(ctx, `WITH draft AS (UPDATE imports SET preview = NULL, trouble = '' WHERE id = $1 AND state = 'draft' RETURNING id)
		DELETE FROM import_fixes USING draft WHERE import_id = draft.id AND import_fixes.id = $2`, id, fix)
}

// StartImport has a draft's expenses entered, whoever asks first.
func (s *Store) StartImport(ctx context.Context, by User, id int64) error {
	return s.InTx(ctx, func(tx *Tx) error {
		res, err := tx.ExecContext(ctx, `UPDATE imports SET state = 'running', entered = 0, trouble = '', started_by = nullif($2, 0), starter = $3,
			started_at = clock() WHERE id = $1 AND state = 'draft'`, id, by.ID, by.Email)
		if err != nil {
			return fmt.Errorf("start import %d: %w", id, err)
		}
		if n, err := res.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrImportMoved)
		}
		tx.changed(ImportChanged, id)
		return nil
	})
}

// DropImport forgets a draft.
func (s *Store) DropImport(ctx context.Context, id int64) error {
	return s.changeDraft(ctx, `DELETE FROM imports WHERE id = $1 AND state = 'draft'`, id)
}

func (s *Store) changeDraft(ctx context.Context, query string, args ...any) error {
	n, err := s.execCount(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("change import: %w", err)
	}
	if n == 0 {
		return ErrImportMoved
	}
	return nil
}

// TidyImports removes files that were uploaded more than a week ago, and those that never came whole.
func (s *Store) TidyImports(ctx context.Context) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM imports WHERE state <> 'running' AND created_at < clock() - interval '7 days'
		OR state = 'uploading' AND created_at < clock() - interval '1 day'`)
	if err != nil {
		return fmt.Errorf("remove old imports: %w", err)
	}
	return nil
}

// isReferenceTaken reports whether err is the schema's refusal of a company's second expense of one reference.
func isReferenceTaken(err error) bool {
	e := pq.As(err, pqerror.UniqueViolation)
	return e != nil && e.Constraint == "expenses_company_id_reference_key"
}
