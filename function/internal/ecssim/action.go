package ecssim

import (
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

type object = map[string]any

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic("ecssim: a raw field cannot be encoded: " + err.Error())
	}
	return text
}

// caller is one call that passed the gateway, and what its action needs.
type caller struct {
	w     *World
	c     *Call
	key   *Key
	query query
	now   time.Time
}

// operations are those that the World knows. StopInstance and StartInstance are there to be seen in
// Calls: nobody may call them.
var operations = map[string]func(caller) (object, *apiError){
	"DescribeInstances":             caller.describeInstances,
	"DescribeInstanceStatus":        caller.describeInstanceStatus,
	"DescribeInstancesFullStatus":   caller.describeInstancesFullStatus,
	"DescribeInstanceHistoryEvents": caller.describeInstanceHistoryEvents,
	"DescribeCloudAssistantStatus":  caller.describeCloudAssistantStatus,
	"GetInstanceScreenshot":         caller.getInstanceScreenshot,
	"GetInstanceConsoleOutput":      caller.getInstanceConsoleOutput,
	"RebootInstance":                caller.rebootInstance,
	"StopInstance":                  caller.denied,
	"StartInstance":                 caller.denied,
}

// act carries out an action.
func (w *World) act(key *Key, c *Call, q query) *reply {
	now := w.settle()
	action := operations[c.Action]
	if action == nil {
		unknown := refuse(404, "InvalidAction.NotFound",
			"Specified api is not found, please check your url and method.")
		return w.errorReply(c, unknown, now)
	}
	call := caller{w: w, c: c, key: key, query: q, now: now}
	if refused := call.unauthorized(); refused != nil {
		return w.errorReply(c, refused, now)
	}
	answer, refused := action(call)
	if refused != nil {
		return w.errorReply(c, refused, now)
	}
	c.RequestID = w.requestID(c)
	answer["RequestId"] = c.RequestID
	return w.plainReply(c, 200, encode(answer), now)
}

func (a caller) denied() (object, *apiError) { return nil, a.denial(ungranted) }

// find gives an instance that the caller can see; nil where there is none.
func (a caller) find(id string) *machine {
	m := a.w.by[id]
	if m == nil || m.Released || m.Account != a.key.Account ||
		a.c.Region != "" && m.Region != a.c.Region {
		return nil
	}
	return m
}

func (a caller) found(ids []string) (found []*machine) {
	for _, id := range ids {
		if m := a.find(id); m != nil && !slices.Contains(found, m) {
			found = append(found, m)
		}
	}
	return found
}

// one is the instance that the call is about.
func (a caller) one() (*machine, *apiError) {
	if a.c.Instance == "" {
		return nil, missing("InstanceId")
	}
	if m := a.find(a.query.get("InstanceId")); m != nil {
		return m, nil
	}
	return nil, refuse(404, "InvalidInstanceId.NotFound",
		"The specified InstanceId does not exist.")
}

func missing(name string) *apiError {
	return refuse(400, "MissingParameter",
		"The input parameter %q that is mandatory for processing this request is not supplied.",
		name)
}

// number reads an integer parameter between low and high; a smaller one counts as low.
func (a caller) number(name string, def, low, high int) (int, *apiError) {
	text := a.query.get(name)
	if text == "" {
		return def, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > high {
		return 0, refuse(400, "InvalidParameter", "The specified parameter %s is not valid.", name)
	}
	return max(n, low), nil
}

// page is a part of a list, and the fields that describe it.
type page struct {
	from, to int
	fields   object
}

// tokenPage cuts a list in the newer way, MaxResults and NextToken, where the call uses it, and by
// PageNumber otherwise. The older fields mean nothing in the newer way (ECS API document
// DescribeInstances).
func (a caller) tokenPage(total int) (page, *apiError) {
	if a.query.get("MaxResults") == "" && a.query.get("NextToken") == "" {
		return a.numberPage(total, 100)
	}
	size, bad := a.number("MaxResults", 10, 10, 100)
	if bad != nil {
		return page{}, bad
	}
	from := 0
	if token := a.query.get("NextToken"); token != "" {
		text, err := base64.URLEncoding.DecodeString(token)
		if err == nil {
			from, err = strconv.Atoi(string(text))
		}
		if err != nil || from < 0 || from > total {
			return page{}, refuse(400, "InvalidParameter.NextToken",
				"The specified NextToken is not valid.")
		}
	}
	to, next := min(total, from+size), ""
	if to < total {
		next = base64.URLEncoding.EncodeToString([]byte(strconv.Itoa(to)))
	}
	fields := object{"PageNumber": 0, "PageSize": 0, "TotalCount": 0, "NextToken": next}
	return page{from, to, fields}, nil
}

func (a caller) numberPage(total, most int) (page, *apiError) {
	size, bad := a.number("PageSize", 10, 1, most)
	if bad != nil {
		return page{}, bad
	}
	number, bad := a.number("PageNumber", 1, 1, 1<<30)
	if bad != nil {
		return page{}, bad
	}
	from := min(total, (number-1)*size)
	fields := object{"PageNumber": number, "PageSize": size, "TotalCount": total, "NextToken": ""}
	return page{from, min(total, from+size), fields}, nil
}

// entry applies the raw fields of an instance.
func (a caller) entry(m *machine, fields object) object {
	for name, value := range m.Raw[a.c.Action] {
		if value == Absent {
			delete(fields, name)
		} else {
			fields[name] = value
		}
	}
	return fields
}

func (a caller) describeInstances() (object, *apiError) {
	if a.c.Region == "" {
		return nil, missing("RegionId")
	}
	ids := a.w.ids // no filter: the whole region
	if text := a.query.get("InstanceIds"); text != "" {
		ids = nil
		if json.Unmarshal([]byte(text), &ids) != nil || len(ids) > 100 {
			return nil, refuse(400, "InvalidInstanceIds.Malformed",
				"The specified InstanceIds is not valid.")
		}
	}
	if a.c.DryRun {
		return nil, dryRun()
	}
	found := slices.DeleteFunc(a.found(ids), func(m *machine) bool {
		return !a.tagged(m) || !a.key.may(a.c.Action) || a.decide(m.ID) != allowed
	})
	p, bad := a.tokenPage(len(found))
	if bad != nil {
		return nil, bad
	}
	list := []object{}
	for _, m := range found[p.from:p.to] {
		list = append(list, a.describe(m))
		if m.Duplicated {
			list = append(list, a.describe(m))
		}
	}
	p.fields["Instances"] = object{"Instance": list}
	return p.fields, nil
}

func dryRun() *apiError {
	return refuse(400, "DryRunOperation",
		"Request validation has been passed with DryRun flag set.")
}

// tagged reports whether an instance has every tag that the call asks for; a tag without a value
// means any value.
func (a caller) tagged(m *machine) bool {
	for n := 1; ; n++ {
		tag := "Tag." + strconv.Itoa(n)
		key := a.query.get(tag + ".Key")
		if key == "" {
			return true
		}
		value, has := m.Tags[key]
		if want := a.query.get(tag + ".Value"); !has || want != "" && value != want {
			return false
		}
	}
}

// minute is how DescribeInstances writes times.
func minute(t time.Time) string { return t.UTC().Format("2006-01-02T15:04Z") }

// second is how the other actions write times.
func second(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

func (a caller) describe(m *machine) object {
	locks := []object{}
	for _, reason := range m.Locks {
		message := "The specified instance is locked due to " + reason + " reason."
		locks = append(locks, object{"LockReason": reason, "LockMsg": message})
	}
	tags := []object{}
	for key, value := range m.Tags {
		tags = append(tags, object{"TagKey": key, "TagValue": value})
	}
	slices.SortFunc(tags, func(x, y object) int {
		return strings.Compare(x["TagKey"].(string), y["TagKey"].(string))
	})
	id, stoppedMode := m.ID, "Not-applicable"
	if m.ReportID != "" {
		id = m.ReportID
	}
	status := m.readStatus(a.now)
	if status == StatusStopped {
		stoppedMode = "KeepCharging"
	}
	fields := object{
		"InstanceId": id, "InstanceName": m.Name, "HostName": m.Name,
		"RegionId": m.Region, "ZoneId": m.Region + "-h",
		"Status": status, "StoppedMode": stoppedMode,
		"StartTime": minute(m.StartTime), "CreationTime": "2024-02-29T08:15Z",
		"InstanceChargeType": m.ChargeType, "ExpiredTime": m.ExpiredTime, "AutoReleaseTime": "",
		"SpotStrategy": m.SpotStrategy, "Recyclable": false, "DeletionProtection": false,
		"DeviceAvailable": true, "InstanceType": "ecs.g7.large", "InstanceTypeFamily": "ecs.g7",
		"Cpu": 2, "CPU": 2, "Memory": 8192,
		"OSType": strings.ToLower(m.system()), "OSName": m.system(), "OSNameEn": m.system(),
		"InstanceNetworkType": "vpc", "ImageId": "aliyun_3_x64_20G_alibase_20240819.vhd",
		"OperationLocks": object{"LockReason": locks},
		"Tags":           object{"Tag": tags},
		"VpcAttributes": object{
			"VpcId": "vpc-simulated", "VSwitchId": "vsw-simulated", "NatIpAddress": "",
			"PrivateIpAddress": object{"IpAddress": []string{"192.168.0.10"}},
		},
		"SecurityGroupIds": object{"SecurityGroupId": []string{"sg-simulated"}},
		"PublicIpAddress":  object{"IpAddress": []string{}},
		"EipAddress":       object{"IpAddress": "", "AllocationId": "", "InternetChargeType": ""},
	}
	if m.LocksNull {
		fields["OperationLocks"] = nil
	}
	if m.LocksMissing {
		delete(fields, "OperationLocks")
	}
	return a.entry(m, fields)
}

// repeated reads InstanceId.N, of which an action takes at most 100.
func (a caller) repeated(tooMany string) ([]string, *apiError) {
	if a.c.Region == "" {
		return nil, missing("RegionId")
	}
	ids := a.query.list("InstanceId")
	if len(ids) > 100 {
		return nil, refuse(403, tooMany, "The number of instance ids exceeds the limit.")
	}
	return ids, nil
}

func (a caller) describeInstanceStatus() (object, *apiError) {
	ids, bad := a.repeated("InstanceIdLimitExceeded")
	if bad != nil {
		return nil, bad
	}
	if len(ids) == 0 {
		ids = a.w.ids
	}
	found := a.found(ids)
	p, bad := a.numberPage(len(found), 50)
	if bad != nil {
		return nil, bad
	}
	list := []object{}
	for _, m := range found[p.from:p.to] {
		list = append(list, a.entry(m, object{"InstanceId": m.ID, "Status": m.readStatus(a.now)}))
	}
	delete(p.fields, "NextToken")
	p.fields["InstanceStatuses"] = object{"InstanceStatus": list}
	return p.fields, nil
}

// The numbers that stand beside the names of statuses.
var (
	statusCodes = map[string]int{StatusPending: 0, StatusRunning: 1, StatusStarting: 2,
		StatusStopping: 3, StatusStopped: 4}
	cycleCodes = map[string]int{"Executing": 10, "Executed": 12, "Scheduled": 24, "Avoided": 25,
		"Canceled": 26, "Failed": 27, "Inquiring": 28}
	healthCodes = map[string]int{"Ok": 0, "Warning": 10, "Impaired": 20, "Initializing": 30,
		"InsufficientData": 40, "NotApplicable": 50}
)

func (a caller) event(m *machine, e Event) object {
	published := e.Published
	if published.IsZero() && !e.NotBefore.IsZero() {
		published = e.NotBefore.Add(-time.Minute)
	}
	return object{
		"EventId": e.ID, "InstanceId": m.ID, "ResourceType": "instance",
		"EventPublishTime": second(published), "EventFinishTime": second(e.Finished),
		"NotBefore": second(e.NotBefore), "Reason": e.Reason, "ImpactLevel": "100",
		"EventType":         object{"Name": e.Type, "Code": 1},
		"EventCycleStatus":  object{"Name": e.Status, "Code": cycleCodes[e.Status]},
		"ExtendedAttribute": object{},
	}
}

func (a caller) describeInstancesFullStatus() (object, *apiError) {
	ids, bad := a.repeated("InstanceIdLimitExceeded")
	if bad != nil {
		return nil, bad
	}
	if len(ids) == 0 {
		ids = a.w.ids
	}
	found := a.found(ids)
	p, bad := a.numberPage(len(found), 100)
	if bad != nil {
		return nil, bad
	}
	list := []object{}
	for _, m := range found[p.from:p.to] {
		events := []object{}
		for _, e := range m.Events {
			if e.Status == "Scheduled" {
				fields := a.event(m, e)
				delete(fields, "InstanceId")
				delete(fields, "ResourceType")
				events = append(events, fields)
			}
		}
		status := m.readStatus(a.now)
		list = append(list, a.entry(m, object{
			"InstanceId": m.ID,
			"Status":     object{"Name": status, "Code": statusCodes[status]},
			"HealthStatus": object{"Name": m.HealthStatus,
				"Code": healthCodes[m.HealthStatus]},
			"ScheduledSystemEventSet": object{"ScheduledSystemEventType": events},
		}))
	}
	delete(p.fields, "NextToken")
	p.fields["InstanceFullStatusSet"] = object{"InstanceFullStatusType": list}
	return p.fields, nil
}

func (a caller) describeInstanceHistoryEvents() (object, *apiError) {
	if a.c.Region == "" {
		return nil, missing("RegionId")
	}
	ids := a.query.instances()
	if len(ids) > 100 {
		return nil, refuse(403, "InstanceIdLimitExceeded",
			"The number of instance ids exceeds the limit.")
	}
	if len(ids) == 0 {
		ids = a.w.ids
	}
	cycles, types := a.query.list("InstanceEventCycleStatus"), a.query.list("InstanceEventType")
	if one := a.query.get("EventCycleStatus"); one != "" {
		cycles = append(cycles, one)
	}
	if one := a.query.get("EventType"); one != "" {
		types = append(types, one)
	}
	if len(cycles) == 0 { // not those under way: they must be asked for
		cycles = []string{"Avoided", "Executed", "Canceled", "Failed"}
	}
	events := []object{}
	for _, m := range a.found(ids) {
		for _, e := range m.Events {
			if slices.Contains(cycles, e.Status) &&
				(len(types) == 0 || slices.Contains(types, e.Type)) {
				events = append(events, a.entry(m, a.event(m, e)))
			}
		}
	}
	p, bad := a.tokenPage(len(events))
	if bad != nil {
		return nil, bad
	}
	p.fields["InstanceSystemEventSet"] = object{"InstanceSystemEventType": events[p.from:p.to]}
	return p.fields, nil
}

func (a caller) describeCloudAssistantStatus() (object, *apiError) {
	ids, bad := a.repeated("InstanceIds.ExceedLimit")
	if bad != nil {
		return nil, bad
	}
	for _, id := range ids {
		if a.find(id) == nil {
			return nil, refuse(404, "InvalidInstance.NotFound",
				"The specified instances do not exist.")
		}
	}
	var p page
	found := a.found(ids)
	if len(ids) > 0 { // paging does not apply
		n := len(found)
		p = page{0, n, object{"PageNumber": 1, "PageSize": n, "TotalCount": n, "NextToken": ""}}
	} else {
		found = a.found(a.w.ids)
		if p, bad = a.tokenPage(len(found)); bad != nil {
			return nil, bad
		}
	}
	list := []object{}
	for _, m := range found[p.from:p.to] {
		last, version := m.heartbeat(a.now), "2.2.3.857"
		if last.IsZero() {
			version = ""
		}
		list = append(list, a.entry(m, object{
			"InstanceId": m.ID, "OSType": m.system(), "CloudAssistantVersion": version,
			"SupportSessionManager": !last.IsZero(),
			"CloudAssistantStatus": strconv.FormatBool(!last.IsZero() &&
				a.now.Sub(last) <= freshBeat),
			"LastHeartbeatTime": second(last), "LastInvokedTime": "", "InvocationCount": 0,
			"ActiveTaskCount": 0,
		}))
	}
	p.fields["InstanceCloudAssistantStatusSet"] = object{"InstanceCloudAssistantStatus": list}
	return p.fields, nil
}

// console is what both operations on the console check: once in 10 s, and only of a running
// instance.
func (a caller) console(m *machine, last *time.Time) *apiError {
	if m.Status != StatusRunning {
		return refuse(405, "IncorrectInstanceStatus",
			"The current status of the resource does not support this operation.")
	}
	if !last.IsZero() && a.now.Sub(*last) < 10*time.Second {
		return refuse(429, "Throttling", "Request was denied due to request throttling.")
	}
	*last = a.now
	return nil
}

func (a caller) getInstanceScreenshot() (object, *apiError) {
	m, bad := a.one()
	if bad == nil {
		bad = a.console(m, &m.screenshotAt)
	}
	if bad != nil {
		return nil, bad
	}
	picture := m.Screenshot
	if picture == nil {
		picture = screenshot(m.hung(a.now))
	}
	text := base64.StdEncoding.EncodeToString(picture)
	return a.entry(m, object{"InstanceId": m.ID, "Screenshot": text}), nil
}

func (a caller) getInstanceConsoleOutput() (object, *apiError) {
	m, bad := a.one()
	if bad == nil && m.Windows {
		bad = refuse(405, "NotSupported", "The specified resource does not support this operation.")
	}
	if bad == nil {
		bad = a.console(m, &m.consoleReadAt)
	}
	if bad != nil {
		return nil, bad
	}
	log := m.ConsoleOutput
	if log == nil {
		log = consoleLog(m, a.now)
	}
	if a.query.flag("RemoveSymbols") {
		log = removeSymbols(log)
	}
	beijing := time.FixedZone("UTC+8", 8*60*60) // this one time is not in UTC
	return a.entry(m, object{
		"InstanceId": m.ID, "LastUpdateTime": a.now.In(beijing).Format(time.DateTime),
		"ConsoleOutput": base64.StdEncoding.EncodeToString(log),
	}), nil
}

// rebootInstance checks what ECS API document RebootInstance and "API behavior" of locked and
// overdue instances name. Locks that these documents do not name are no obstacle here.
func (a caller) rebootInstance() (object, *apiError) {
	for _, name := range []string{"ForceStop", "DryRun"} {
		if value := a.query.get(name); value != "" && value != "true" && value != "false" {
			return nil, refuse(400, "InvalidParameter", "The specified parameter %s is not valid.",
				name)
		}
	}
	m, bad := a.one()
	if tag := a.key.RebootTag; tag != [2]string{} && (m == nil || m.Tags[tag[0]] != tag[1]) {
		return a.denied()
	}
	if bad != nil {
		return nil, bad
	}
	switch {
	case m.locked("security"):
		return nil, refuse(403, "InstanceLockedForSecurity",
			"The specified operation is denied as your instance is locked for security reasons.")
	case m.locked("financial") || m.expired(a.now):
		return nil, refuse(403, "InstanceExpiredOrInArrears",
			"The specified operation is denied as your prepay instance is expired (prepay mode) "+
				"or in arrears (afterpay mode).")
	case !m.rebootable(a.c.Force):
		return nil, refuse(403, "IncorrectInstanceStatus",
			"The specified instance is in an incorrect status for the requested action; "+
				"Status of the specified instance is %s but the expected status is in (Running).",
			m.Status)
	case a.c.DryRun:
		return nil, dryRun()
	}
	a.c.Effect = true
	a.c.Works = m.reboot(a.c.Force, a.now)
	return object{}, nil
}

// system is the kind of the instance's operating system.
func (m *machine) system() string {
	if m.Windows {
		return "Windows"
	}
	return "Linux"
}

func (m *machine) locked(reason string) bool {
	return slices.ContainsFunc(m.Locks,
		func(lock string) bool { return strings.EqualFold(lock, reason) })
}

// expired reports whether a subscription has ended; a time that cannot be read has not.
func (m *machine) expired(now time.Time) bool {
	if m.ChargeType != "PrePaid" {
		return false
	}
	for _, layout := range []string{"2006-01-02T15:04Z", "2006-01-02T15:04:05Z"} {
		if end, err := time.Parse(layout, m.ExpiredTime); err == nil {
			return !now.Before(end)
		}
	}
	return false
}
