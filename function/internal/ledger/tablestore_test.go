package ledger_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore"
	"github.com/aliyun/aliyun-tablestore-go-sdk/tablestore/otsprotocol"
	"github.com/golang/protobuf/proto"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/ledger/ledgertest"
)

func TestTablestore(t *testing.T) {
	ledgertest.TestStore(t, func(*testing.T) ledger.Store {
		return ledger.NewTablestoreOver(newTablestoreWorld("ledger"), "ledger", tablestoreLimit)
	})
}

// Every few requests one is lost, or its answer is: whatever a call returns has to be true all the
// same.
func TestTablestoreLinearizableWithFaults(t *testing.T) {
	world := newTablestoreWorld("ledger")
	count := 0
	world.fate = func() tablestoreFault {
		count++
		switch {
		case count%10 == 3:
			return tablestoreFault{before: tablestoreTimeout()}
		case count%10 == 6, count%30 == 7:
			return tablestoreFault{after: tablestoreTimeout()}
		case count%10 == 9:
			return tablestoreFault{before: tablestoreCode(409, "OTSRowOperationConflict")}
		}
		return tablestoreFault{}
	}
	ledgertest.TestLinearizable(t, func(*testing.T) ledger.Store {
		return ledger.NewTablestoreOver(world, "ledger", tablestoreLimit)
	})
}

// TestTablestoreService runs the suite against the real service. It leaves its rows behind: use a
// table for nothing else.
func TestTablestoreService(t *testing.T) {
	address := os.Getenv("ECS_REMEDY_TEST_OTS")
	id, secret := os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_ID"),
		os.Getenv("ALIBABA_CLOUD_ACCESS_KEY_SECRET")
	if address == "" || id == "" || secret == "" {
		t.Skip("ECS_REMEDY_TEST_OTS=ots://INSTANCE.REGION/TABLE, ALIBABA_CLOUD_ACCESS_KEY_ID and " +
			"ALIBABA_CLOUD_ACCESS_KEY_SECRET are not all set")
	}
	parts := regexp.MustCompile(`^ots://([^./]+)\.([^./]+)/([^/]+)$`).FindStringSubmatch(address)
	if parts == nil {
		t.Fatalf("ECS_REMEDY_TEST_OTS is %q, want ots://INSTANCE.REGION/TABLE", address)
	}
	ledgertest.TestStore(t, func(t *testing.T) ledger.Store {
		store, err := ledger.OpenTablestore(ledger.TablestoreOptions{
			Instance: parts[1], Region: parts[2], Table: parts[3], AccessKeyID: id,
			AccessKeySecret: secret,
			SecurityToken:   os.Getenv("ALIBABA_CLOUD_SECURITY_TOKEN"), Limit: tablestoreLimit,
		})
		if err != nil {
			t.Fatal(err)
		}
		return tablestorePart{store, rand.Text() + "/"}
	})
}

// tablestorePart is an empty store within a table that is not empty.
type tablestorePart struct {
	ledger.Store
	prefix string
}

func (p tablestorePart) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	return p.Store.Get(ctx, p.prefix+key)
}

func (p tablestorePart) Put(ctx context.Context, key string, value []byte,
	expected uint64) (uint64, error) {
	return p.Store.Put(ctx, p.prefix+key, value, expected)
}

func (p tablestorePart) List(ctx context.Context, prefix string,
	each func(key string) error) error {
	return p.Store.(ledger.Lister).List(ctx, p.prefix+prefix, func(key string) error {
		return each(strings.TrimPrefix(key, p.prefix))
	})
}

// A listing whose requests get lost goes on; one whose pages make no sense ends.
func TestTablestoreList(t *testing.T) {
	list := func(store ledger.Lister, prefix string) (keys []string, err error) {
		err = store.List(t.Context(), prefix, func(key string) error {
			keys = append(keys, key)
			return nil
		})
		return keys, err
	}
	world := newTablestoreWorld("ledger")
	store := ledger.NewTablestoreOver(world, "ledger", tablestoreLimit)
	var want []string
	for i := range 40 {
		key := fmt.Sprintf("instance/%02d", i)
		if _, err := store.Put(t.Context(), key, []byte(`{}`), 0); err != nil {
			t.Fatal(err)
		}
		want = append(want, key)
		// Rows of others, of which a page may consist.
		for j := range 3 {
			world.rows[fmt.Sprintf("instance/%02d/%d", i, j)] = map[string]any{"value": "not ours"}
		}
	}
	// Written by a version that knew no such column: it stays, though its value has expired.
	world.rows["instance/old"] = map[string]any{"value": `{"expires":"2020-01-01T00:00:00Z"}`,
		"revision": int64(1), "writer": "w"}
	want = append(want, "instance/old")
	for _, pageRows := range []int{1, 2, 3, 1000} {
		world.pageRows = pageRows
		count := 0
		world.fate = func() (fault tablestoreFault) {
			switch count++; count % 4 {
			case 1:
				fault.before = tablestoreTimeout()
			case 3:
				fault.after = tablestoreTimeout()
			}
			return fault
		}
		if got, err := list(store, "instance/"); err != nil || !slices.Equal(got, want) {
			t.Errorf("pages of %d rows: %q (%v), want %q", pageRows, got, err, want)
		}
	}
	world.fate = func() tablestoreFault {
		return tablestoreFault{before: tablestoreCode(403,
			"OTSNoPermissionAccess")}
	}
	if _, err := list(store, ""); err == nil || !strings.Contains(err.Error(), "ots:GetRange") {
		t.Errorf("without the permission: %v, want its name", err)
	}

	for _, row := range []struct {
		why  string
		page func(from string) *tablestore.GetRangeResponse
	}{
		{"the same page for ever", func(string) *tablestore.GetRangeResponse {
			return tablestorePage("instance/2", "instance/1")
		}},
		{"an empty page whose next is itself", func(from string) *tablestore.GetRangeResponse {
			return tablestorePage(from)
		}},
		{"a page before the one asked for", func(string) *tablestore.GetRangeResponse {
			return tablestorePage("", "fleet")
		}},
		{"a key twice", func(string) *tablestore.GetRangeResponse {
			return tablestorePage("", "instance/1", "instance/1")
		}},
		{"a page that begins within the last", func(string) *tablestore.GetRangeResponse {
			return tablestorePage("instance/15", "instance/1", "instance/2")
		}},
		{"a key of two parts", func(string) *tablestore.GetRangeResponse {
			page := tablestorePage("", "instance/1")
			page.Rows[0].PrimaryKey.AddPrimaryKeyColumn("range", "x")
			return page
		}},
		{"a number as a key", func(string) *tablestore.GetRangeResponse {
			page := tablestorePage("", "instance/1")
			page.Rows[0].PrimaryKey.PrimaryKeys[0].Value = int64(7)
			return page
		}},
		{"a row without a key", func(string) *tablestore.GetRangeResponse {
			page := tablestorePage("", "instance/1")
			page.Rows[0].PrimaryKey = nil
			return page
		}},
	} {
		pages := 0
		api := tablestorePages{page: func(from string) *tablestore.GetRangeResponse {
			if pages++; pages > 10 {
				t.Fatalf("%s: it goes on for ever", row.why)
			}
			return row.page(from)
		}}
		keys, err := list(ledger.NewTablestoreOver(api, "ledger", tablestoreLimit), "instance/")
		if err == nil {
			t.Errorf("%s: gave %q and no error", row.why, keys)
		}
	}
}

// tablestorePages answers with pages that no table has.
type tablestorePages struct {
	tablestore.TableStoreApi
	page func(from string) *tablestore.GetRangeResponse
}

func (p tablestorePages) GetRange(
	request *tablestore.GetRangeRequest) (*tablestore.GetRangeResponse, error) {
	return p.page(request.RangeRowQueryCriteria.StartPrimaryKey.PrimaryKeys[0].Value.(string)), nil
}

func tablestorePage(next string, keys ...string) *tablestore.GetRangeResponse {
	response := new(tablestore.GetRangeResponse)
	for _, key := range keys {
		row := &tablestore.Row{PrimaryKey: new(tablestore.PrimaryKey)}
		row.PrimaryKey.AddPrimaryKeyColumn("key", key)
		response.Rows = append(response.Rows, row)
	}
	if next != "" {
		response.NextStartPrimaryKey = new(tablestore.PrimaryKey)
		response.NextStartPrimaryKey.AddPrimaryKeyColumn("key", next)
	}
	return response
}

// A lost answer is settled by writing once more and reading back. Put says what really happened, or
// that it does not know.
func TestTablestoreLostAnswers(t *testing.T) {
	const ours, theirs = `{"by":"us"}`, `{"by":"somebody else"}`
	lostBefore := tablestoreFault{before: tablestoreTimeout()}
	lostAfter := tablestoreFault{after: tablestoreTimeout()}
	serviceTimeout := tablestoreFault{after: tablestoreCode(503, "OTSTimeout")}
	refused := func(status int, code string) tablestoreFault {
		return tablestoreFault{before: tablestoreCode(status, code)}
	}
	for _, row := range []struct {
		why      string
		faults   []tablestoreFault
		overlaid bool // somebody else writes after the first request
		stored   string
		asked    []string
		want     string // "", "conflict", or part of an error that is none
	}{
		{"nothing is lost", nil, false, ours, []string{"PutRow"}, ""},
		{"the request was lost", []tablestoreFault{lostBefore}, false, ours,
			[]string{"PutRow", "PutRow"}, ""},
		{"the answer was lost", []tablestoreFault{lostAfter}, false, ours, []string{"PutRow",
			"PutRow", "GetRow"}, ""},
		{"the service timed out after the effect", []tablestoreFault{serviceTimeout}, false, ours,
			[]string{"PutRow", "PutRow", "GetRow"}, ""},
		{"two answers were lost", []tablestoreFault{lostAfter, lostBefore}, false, ours,
			[]string{"PutRow", "PutRow", "GetRow"}, ""},
		{"nothing arrived", []tablestoreFault{lostBefore, lostBefore}, false, `{}`,
			[]string{"PutRow", "PutRow", "GetRow"}, "read it again before deciding"},
		{"no answer at all, though it was written", []tablestoreFault{lostAfter, lostAfter,
			lostAfter}, false, ours,
			[]string{"PutRow", "PutRow", "GetRow"}, "no answer in time"},
		{"ours was written over", []tablestoreFault{lostAfter}, true, theirs,
			[]string{"PutRow", "PutRow", "GetRow"}, "read it again before deciding"},
		{"ours was lost and theirs came", []tablestoreFault{lostBefore}, true, theirs,
			[]string{"PutRow", "PutRow", "GetRow"}, "read it again before deciding"},
		{"the service was busy after the answer was lost", []tablestoreFault{lostAfter,
			refused(503, "OTSServerBusy")},
			false, ours, []string{"PutRow", "PutRow", "GetRow"}, ""},
		{"the first request is still at it", []tablestoreFault{lostAfter,
			refused(409, "OTSRowOperationConflict")},
			false, ours, []string{"PutRow", "PutRow", "GetRow"}, ""},
		{"another request is writing the row",
			[]tablestoreFault{refused(409, "OTSRowOperationConflict")}, false, `{}`,
			[]string{"PutRow"}, "conflict"},
		{"the service is busy", []tablestoreFault{refused(503, "OTSServerBusy")}, false, `{}`,
			[]string{"PutRow"}, "is busy"},
		{"no capacity", []tablestoreFault{refused(403, "OTSNotEnoughCapacityUnit")}, false,
			`{}`, []string{"PutRow"},
			"throughput"},
		{"not authorised", []tablestoreFault{refused(403, "OTSAuthFailed")}, false,
			`{}`, []string{"PutRow"},
			"refused the credentials"},
		{"no table", []tablestoreFault{refused(404, "OTSObjectNotExist")}, false, `{}`,
			[]string{"PutRow"}, "create it with"},
	} {
		world := newTablestoreWorld("ledger")
		store := ledger.NewTablestoreOver(world, "ledger", tablestoreLimit)
		direct := ledger.NewTablestoreOver(world, "ledger", tablestoreLimit)
		first, err := store.Put(t.Context(), "fleet", []byte(`{}`), 0)
		if err != nil {
			t.Fatal(err)
		}
		world.requests = nil
		faults := row.faults
		world.fate = func() (fault tablestoreFault) {
			if len(faults) > 0 {
				fault, faults = faults[0], faults[1:]
			}
			if row.overlaid {
				row.overlaid = false
				fault.then = func() {
					asked, fate := world.requests, world.fate
					world.fate = nil
					_, at, err := direct.Get(t.Context(), "fleet")
					if err == nil {
						_, err = direct.Put(t.Context(), "fleet", []byte(theirs), at)
					}
					if err != nil {
						t.Error(err)
					}
					world.requests, world.fate = asked, fate
				}
			}
			return fault
		}
		revision, err := store.Put(t.Context(), "fleet", []byte(ours), first)
		asked := slices.Clone(world.requests)
		world.fate = nil
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: %v", row.why, err)
		case row.want == "conflict" && !errors.Is(err, ledger.ErrConflict):
			t.Errorf("%s: %v, want ErrConflict", row.why, err)
		case row.want != "" && row.want != "conflict" &&
			(err == nil || errors.Is(err, ledger.ErrConflict) ||
				!strings.Contains(err.Error(), row.want)):
			t.Errorf("%s: %v, want no conflict but %q", row.why, err, row.want)
		}
		if !slices.Equal(asked, row.asked) {
			t.Errorf("%s: asked %v, want %v", row.why, asked, row.asked)
		}
		value, at, err := direct.Get(t.Context(), "fleet")
		if err != nil || string(value) != row.stored || row.want == "" && at != revision {
			t.Errorf("%s: %s at %d is stored (%v), want %s; Put gave %d", row.why, value, at,
				err, row.stored, revision)
		}
	}
}

func TestTablestoreForeignRow(t *testing.T) {
	world := newTablestoreWorld("ledger")
	world.rows["fleet"] = map[string]any{"value": `{}`}
	store := ledger.NewTablestoreOver(world, "ledger", tablestoreLimit)
	if _, _, err := store.Get(t.Context(), "fleet"); err == nil ||
		!strings.Contains(err.Error(), "remove it") {
		t.Errorf("Get gave %v, want what to do about the row", err)
	}
	if _, err := store.Put(t.Context(), "fleet", []byte(`{}`),
		1); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("Put gave %v, want ErrConflict: a row without a revision has no expected one", err)
	}
}

// The SDK itself, over HTTP: one request for each of ours, whatever comes back, and nothing foreign
// in a message.
func TestTablestoreOverHTTP(t *testing.T) {
	answer := func(status int, message proto.Message) http.HandlerFunc {
		body, err := proto.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			w.Write(body)
		}
	}
	code := func(status int, code string) http.HandlerFunc {
		return answer(status, &otsprotocol.Error{Code: proto.String(code),
			Message: proto.String("foreign text")})
	}
	written := answer(200, &otsprotocol.PutRowResponse{Consumed: tablestoreConsumed})
	once, thrice := []string{"/PutRow"}, []string{"/PutRow", "/PutRow", "/GetRow"}
	for _, row := range []struct {
		why   string
		serve http.HandlerFunc
		asked []string
		want  string // "", "conflict", or part of an error that is none
	}{
		{"written", written, once, ""},
		{"the condition failed", code(403, "OTSConditionCheckFail"), once, "conflict"},
		{"busy, which the SDK alone would send again", code(503, "OTSServerBusy"), once, "is busy"},
		{"a row conflict, likewise", code(409, "OTSRowOperationConflict"), once, "conflict"},
		{"a time-out of the service", code(503, "OTSTimeout"), thrice, "(OTSTimeout)"},
		{"the connection breaks, which the SDK alone would send again",
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, thrice,
			"the connection broke"},
		{"no body, on which the SDK panics", func(http.ResponseWriter, *http.Request) {},
			thrice, "not Tablestore's"},
		{"a page of some proxy", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(502)
			w.Write([]byte("<html>foreign text</html>"))
		}, thrice, "(OTSServerUnavailable)"},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, thrice, "check the endpoint"},
		{"an answer without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, thrice, "check the endpoint"},
		{"silence", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, thrice,
			"no answer in time (limit "},
	} {
		put := func(limit time.Duration) (asked []string, err error) {
			var mutex sync.Mutex
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter,
				r *http.Request) {
				mutex.Lock()
				asked = append(asked, r.URL.Path)
				mutex.Unlock()
				if r.Header.Get("x-ots-ststoken") != "the-token" ||
					r.Header.Get("x-ots-instancename") != "world" {
					t.Errorf("%s: the request lacks token or instance: %v", row.why, r.Header)
				}
				// Without this the server does not notice that the client hangs up.
				http.MaxBytesReader(w, r.Body, 1<<20).Read(make([]byte, 1<<20))
				row.serve(w, r)
			}))
			options := tablestoreOptions()
			options.Endpoint, options.Limit = server.URL, limit
			store, err := ledger.OpenTablestore(options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = store.Put(t.Context(), "fleet", []byte(`{}`), 0)
			store.Close()
			server.Close() // all requests have been handled after that
			return asked, err
		}
		// Where nothing is answered the whole limit is waited for. Every request must reach the
		// server within its part of that: on a busy machine it takes more time.
		limit := patience
		if row.why == "silence" {
			limit = 1500 * time.Millisecond
		}
		asked, err := put(limit)
		for len(asked) < len(row.asked) && limit < patience {
			limit *= 4
			asked, err = put(limit)
		}
		if row.why == "silence" && !strings.Contains(err.Error(), row.want+limit.String()+")") {
			t.Errorf("%s: %v, want the limit, %s", row.why, err, limit)
		}
		switch {
		case row.want == "" && err != nil:
			t.Errorf("%s: %v", row.why, err)
		case row.want == "conflict" && !errors.Is(err, ledger.ErrConflict):
			t.Errorf("%s: %v, want ErrConflict", row.why, err)
		case row.want != "" && row.want != "conflict" &&
			(err == nil || !strings.Contains(err.Error(), row.want) ||
				!strings.HasPrefix(err.Error(), "ledger ots://world.cn-hangzhou/ledger: ")):
			t.Errorf("%s: %v, want the ledger's name and %q", row.why, err, row.want)
		}
		for _, leak := range []string{"the-id", "the-secret", "the-token", "foreign text"} {
			if err != nil && strings.Contains(err.Error(), leak) {
				t.Errorf("%s: the message shows %q: %v", row.why, leak, err)
			}
		}
		if !slices.Equal(asked, row.asked) {
			t.Errorf("%s: asked %v, want %v", row.why, asked, row.asked)
		}
	}
}

// What the SDK puts on the wire: the row comes back as it was written, and the condition says what
// it must.
func TestTablestoreWire(t *testing.T) {
	stored := []byte{} // no row yet
	var conditions []*otsprotocol.Condition
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var response proto.Message
		switch r.URL.Path {
		case "/PutRow":
			request := new(otsprotocol.PutRowRequest)
			if err := proto.Unmarshal(body, request); err != nil {
				t.Error(err)
			}
			stored, conditions = request.GetRow(), append(conditions, request.GetCondition())
			response = &otsprotocol.PutRowResponse{Consumed: tablestoreConsumed}
		case "/GetRow":
			// A row has the same form in a request that writes it and in an answer to one that
			// reads it.
			response = &otsprotocol.GetRowResponse{Consumed: tablestoreConsumed, Row: stored}
		}
		answer, err := proto.Marshal(response)
		if err != nil {
			t.Error(err)
		}
		w.Write(answer)
	}))
	defer server.Close()
	options := tablestoreOptions()
	options.Endpoint = server.URL
	store, err := ledger.OpenTablestore(options)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if value, revision, err := store.Get(t.Context(), "fleet"); value != nil ||
		revision != 0 || err != nil {
		t.Errorf("before: %s at %d (%v), want nothing", value, revision, err)
	}
	var revision uint64
	for _, value := range []string{`{"text":"实例\u0000"}`, `{}`} {
		if revision, err = store.Put(t.Context(), "fleet", []byte(value), revision); err != nil {
			t.Fatal(err)
		}
		if got, at, err := store.Get(t.Context(), "fleet"); string(got) != value ||
			at != revision || err != nil {
			t.Errorf("got %s at %d (%v), want %s at %d", got, at, err, value, revision)
		}
	}
	create, replace := conditions[0], conditions[1]
	if create.GetRowExistence() != otsprotocol.RowExistenceExpectation_EXPECT_NOT_EXIST ||
		create.ColumnCondition != nil {
		t.Errorf("creating: %v, want that there is no row", create)
	}
	filter, column := new(otsprotocol.Filter), new(otsprotocol.SingleColumnValueFilter)
	err = errors.Join(proto.Unmarshal(replace.GetColumnCondition(), filter),
		proto.Unmarshal(filter.GetFilter(), column))
	if err != nil {
		t.Fatal(err)
	}
	if replace.GetRowExistence() != otsprotocol.RowExistenceExpectation_EXPECT_EXIST ||
		column.GetComparator() != otsprotocol.ComparatorType_CT_EQUAL ||
		column.GetColumnName() != "revision" ||
		!column.GetFilterIfMissing() || !column.GetLatestVersionOnly() {
		t.Errorf("replacing: %v %v, want that the row's latest revision is there and "+
			"equal", replace, column)
	}
}

// What a listing puts on the wire: the columns it wants, and pages from the prefix on.
func TestTablestoreListOnTheWire(t *testing.T) {
	var rows [][]byte
	var begins []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		var response proto.Message
		switch r.URL.Path {
		case "/PutRow":
			request := new(otsprotocol.PutRowRequest)
			if err := proto.Unmarshal(body, request); err != nil {
				t.Error(err)
			}
			rows = append(rows, request.GetRow())
			response = &otsprotocol.PutRowResponse{Consumed: tablestoreConsumed}
		case "/GetRange":
			request := new(otsprotocol.GetRangeRequest)
			if err := proto.Unmarshal(body, request); err != nil {
				t.Error(err)
			}
			if !slices.Equal(request.GetColumnsToGet(), []string{"revision", "expires"}) ||
				request.GetMaxVersions() != 1 ||
				request.GetDirection() != otsprotocol.Direction_FORWARD {
				t.Errorf("asked for %v", request)
			}
			begins = append(begins, string(request.GetInclusiveStartPrimaryKey()))
			page := &otsprotocol.GetRangeResponse{Consumed: tablestoreConsumed}
			if page.Rows = rows[len(begins)-1]; len(begins) < len(rows) {
				next := new(tablestore.PrimaryKey)
				next.AddPrimaryKeyColumn("key", fmt.Sprintf("instance/%d", len(begins)))
				page.NextStartPrimaryKey = next.Build(false)
			}
			response = page
		}
		answer, err := proto.Marshal(response)
		if err != nil {
			t.Error(err)
		}
		w.Write(answer)
	}))
	defer server.Close()
	options := tablestoreOptions()
	options.Endpoint = server.URL
	store, err := ledger.OpenTablestore(options)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for i, value := range []string{`{}`, `{"expires":"2020-01-01T00:00:00Z"}`,
		`{"expires":"2100-01-01T00:00:00Z"}`} {
		if _, err := store.Put(t.Context(), fmt.Sprintf("instance/%d", i),
			[]byte(value), 0); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	err = store.List(t.Context(), "instance/",
		func(key string) error { got = append(got, key); return nil })
	if want := []string{"instance/0", "instance/2"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("List gave %q (%v), want %q: the other one has expired", got, err, want)
	}
	for i, want := range []string{"instance/", "instance/1", "instance/2"} {
		if len(begins) != 3 || !strings.Contains(begins[i], want) {
			t.Errorf("page %d of %d begins at %q, want %q", i, len(begins), begins, want)
		}
	}
	begins = nil
	if err := store.List(t.Context(), "", func(string) error { return nil }); err != nil {
		t.Errorf("everything: %v", err)
	}
}

func TestTablestoreRefusedConnection(t *testing.T) {
	closed := listen(t, nil)
	closed.Close()
	options := tablestoreOptions()
	options.Endpoint = "http://" + closed.Addr().String()
	store, err := ledger.OpenTablestore(options)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	_, err = store.Put(t.Context(), "fleet", []byte(`{}`), 0)
	if err == nil || !strings.Contains(err.Error(), "cannot be reached") {
		t.Errorf("Put gave %v, want that nobody listens", err)
	}
}

func TestOpenTablestoreNamesWhatIsMissing(t *testing.T) {
	for _, row := range []struct {
		want   string
		remove func(*ledger.TablestoreOptions)
	}{
		{"instance", func(o *ledger.TablestoreOptions) { o.Instance = "" }},
		{"region", func(o *ledger.TablestoreOptions) { o.Region = "" }},
		{"table", func(o *ledger.TablestoreOptions) { o.Table = "" }},
		{"access key id", func(o *ledger.TablestoreOptions) { o.AccessKeyID = "" }},
		{"access key secret", func(o *ledger.TablestoreOptions) { o.AccessKeySecret = "" }},
	} {
		options := tablestoreOptions()
		row.remove(&options)
		if _, err := ledger.OpenTablestore(options); err == nil ||
			!strings.HasSuffix(err.Error(), "has no "+row.want) {
			t.Errorf("without %s: %v", row.want, err)
		}
	}
}

// Nothing goes to a host that is not the instance's, whoever asks: requests are signed and carry a
// token.
func TestTablestoreEndpoint(t *testing.T) {
	const ours = "https://world.cn-hangzhou."
	for _, row := range []struct {
		why, endpoint string
		ok            bool
	}{
		{"public", ours + "ots.aliyuncs.com", true},
		{"public, IPv6 too", ours + "tablestore.aliyuncs.com", true},
		{"the classic network", ours + "ots-internal.aliyuncs.com", true},
		{"any VPC", ours + "vpc.tablestore.aliyuncs.com", true},
		{"a bound VPC", "https://remedy-world.cn-hangzhou.vpc.ots.aliyuncs.com", true},
		{"a bound VPC with hyphens in its name",
			"https://my-vpc-1-world.cn-hangzhou.vpc.ots.aliyuncs.com", true},
		{"hosts have no case", "https://World.CN-Hangzhou.ots.aliyuncs.com", true},
		{"this machine, for a test", "http://127.0.0.1:8080", true},
		{"this machine, IPv6", "http://[::1]:8080", true},

		{"not encrypted", "http://world.cn-hangzhou.ots.aliyuncs.com", false},
		{"a name in front is another instance",
			"https://remedy-world.cn-hangzhou.ots.aliyuncs.com", false},
		{"so it is within any VPC",
			"https://remedy-world.cn-hangzhou.vpc.tablestore.aliyuncs.com", false},
		{"another instance", "https://globe.cn-hangzhou.ots.aliyuncs.com", false},
		{"an instance that ends alike",
			"https://underworld.cn-hangzhou.vpc.ots.aliyuncs.com", false},
		{"an empty name in front", "https://-world.cn-hangzhou.vpc.ots.aliyuncs.com", false},
		{"another region", "https://world.cn-beijing.ots.aliyuncs.com", false},
		{"another product", "https://world.cn-hangzhou.oss.aliyuncs.com", false},
		{"another domain", "https://world.cn-hangzhou.ots.aliyuncs.com.example.com", false},
		{"a domain that ends alike", "https://world.cn-hangzhou.ots.example-aliyuncs.com", false},
		{"another domain behind a user",
			"https://world.cn-hangzhou.ots.aliyuncs.com@example.com", false},
		{"a path", ours + "ots.aliyuncs.com/x", false},
		{"a query", ours + "ots.aliyuncs.com?x", false},
		{"a fragment", ours + "ots.aliyuncs.com#x", false},
		{"a port", ours + "ots.aliyuncs.com:443", false},
		{"a dot too many", ours + "ots.aliyuncs.com.", false},
		{"no scheme", "world.cn-hangzhou.ots.aliyuncs.com", false},
		{"another scheme", "ftp://world.cn-hangzhou.ots.aliyuncs.com", false},
		{"a private address", "https://172.16.0.34", false},
		{"another machine", "http://192.0.2.1:8080", false},
		{"this machine and a path", "http://127.0.0.1:8080/x", false},
		{"this machine as a user", "http://127.0.0.1:8080@example.com", false},
		{"a line break", ours + "ots.aliyuncs.com\n", false},
	} {
		options := tablestoreOptions()
		options.Endpoint = row.endpoint
		_, err := ledger.OpenTablestore(options)
		if (err == nil) != row.ok {
			t.Errorf("%s: %s gave %v, want accepted %v", row.why, row.endpoint, err, row.ok)
		}
		if err != nil && !strings.Contains(err.Error(),
			"NAME-world.cn-hangzhou.vpc.ots.aliyuncs.com") {
			t.Errorf("%s: %v, want the cure", row.why, err)
		}
	}
	for _, row := range []struct {
		why, want string
		change    func(*ledger.TablestoreOptions)
	}{
		{"a region that is a host", "region",
			func(o *ledger.TablestoreOptions) { o.Region = "example.com/" }},
		{"a region with a dot", "region",
			func(o *ledger.TablestoreOptions) { o.Region = "cn.hangzhou" }},
		{"a region that ends in a hyphen", "region",
			func(o *ledger.TablestoreOptions) { o.Region = "cn-" }},
		{"an instance with a user", "instance",
			func(o *ledger.TablestoreOptions) { o.Instance = "a@b" }},
		{"an instance with a line break", "instance",
			func(o *ledger.TablestoreOptions) { o.Instance = "a\nb" }},
		{"an instance that is a number", "instance",
			func(o *ledger.TablestoreOptions) { o.Instance = "1" }},
		{"a table with a hyphen", "table", func(o *ledger.TablestoreOptions) { o.Table = "a-b" }},
		{"a table that is too long", "table",
			func(o *ledger.TablestoreOptions) { o.Table = strings.Repeat("t", 256) }},
	} {
		options := tablestoreOptions()
		row.change(&options)
		_, err := ledger.OpenTablestore(options)
		if err == nil || !strings.Contains(err.Error(), "has a "+row.want+" that no") ||
			strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want one line about the %s", row.why, err, row.want)
		}
	}
}

// tablestoreConsumed is a part of every answer.
var tablestoreConsumed = &otsprotocol.ConsumedCapacity{
	CapacityUnit: &otsprotocol.CapacityUnit{Read: proto.Int32(1), Write: proto.Int32(1)},
}

func tablestoreOptions() ledger.TablestoreOptions {
	return ledger.TablestoreOptions{Instance: "world", Region: "cn-hangzhou", Table: "ledger",
		AccessKeyID: "the-id", AccessKeySecret: "the-secret", SecurityToken: "the-token",
		Limit: tablestoreLimit}
}
