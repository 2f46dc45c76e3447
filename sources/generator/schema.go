package generator

import "cdcpipe/pipeline/cdc"

// Schema defines the tables that the generator writes to, in CQL. Only what an
// event carries exactly is used: no static columns, no collections that are not
// frozen, and none of the types that the agent refuses.
const Schema = `
CREATE TABLE shop.users (
    id uuid PRIMARY KEY,
    name text,
    age int,
    balance decimal,
    active boolean,
    created timestamp,
    visits bigint,
    score double
) WITH cdc = true;

CREATE TABLE shop.orders (
    customer int,
    placed text,
    item int,
    price decimal,
    note text,
    shipped timestamp,
    units bigint,
    PRIMARY KEY (customer, placed, item)
) WITH CLUSTERING ORDER BY (placed DESC, item ASC) AND cdc = true;

CREATE TABLE shop.readings (
    sensor text,
    day date,
    at timestamp,
    seq timeuuid,
    ip inet,
    raw blob,
    value double,
    PRIMARY KEY ((sensor, day), at, seq)
) WITH CLUSTERING ORDER BY (at DESC, seq ASC) AND cdc = true;

CREATE TABLE shop.keysonly (
    a int,
    b text,
    c uuid,
    PRIMARY KEY (a, b, c)
) WITH cdc = true;

CREATE TABLE shop."MixedCase" (
    "Id" int,
    "order" text,
    "a b" int,
    "camelCase" boolean,
    "größe" text,
    "quote""d" text,
    "select" frozen<list<int>>,
    PRIMARY KEY ("Id", "order")
) WITH cdc = true;

CREATE TABLE shop.everything (
    id bigint PRIMARY KEY,
    c_ascii ascii,
    c_bigint bigint,
    c_blob blob,
    c_boolean boolean,
    c_date date,
    c_decimal decimal,
    c_double double,
    c_duration duration,
    c_float float,
    c_inet inet,
    c_int int,
    c_smallint smallint,
    c_text text,
    c_time time,
    c_timestamp timestamp,
    c_timeuuid timeuuid,
    c_tinyint tinyint,
    c_uuid uuid,
    c_varint varint,
    f_dates frozen<set<date>>,
    f_decimals frozen<map<text, decimal>>,
    f_ints frozen<list<int>>,
    f_names frozen<map<int, text>>,
    f_numbers frozen<map<text, int>>,
    f_pairs frozen<list<frozen<tuple<int, text>>>>,
    f_signed frozen<set<int>>,
    f_tuple tuple<int, text, uuid>,
    f_uuids frozen<list<uuid>>,
    f_words frozen<set<text>>
) WITH cdc = true;
`

// shares gives each table its part of the events and of the rows, in percent.
var shares = [...]struct {
	table string
	share uint32
}{
	{"users", 45}, {"orders", 25}, {"readings", 15}, {"keysonly", 5}, {"MixedCase", 5}, {"everything", 5},
}

// tables builds the tables of Schema for a key space of the given number of rows.
func tables(cfg Config) ([]*table, error) {
	s, err := cdc.ParseCQL(Schema)
	if err != nil {
		return nil, err
	}
	byName := map[string]*cdc.Table{}
	for _, t := range s.Tables() {
		byName[t.Name] = t
	}
	p := pools{}
	var ts []*table
	for _, s := range shares {
		ts = append(ts, newTable(byName[s.table], s.share, cfg, p))
	}
	return ts, nil
}
