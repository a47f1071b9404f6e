@same 111

# every value of wide.b survives the way
SELECT client_id, b FROM wide ORDER BY client_id

# every value of wide.i2 survives the way
SELECT client_id, i2 FROM wide ORDER BY client_id

# every value of wide.i4 survives the way
SELECT client_id, i4 FROM wide ORDER BY client_id

# every value of wide.f4 survives the way
SELECT client_id, f4 FROM wide ORDER BY client_id

# every value of wide.f8 survives the way
SELECT client_id, f8 FROM wide ORDER BY client_id

# every value of wide.n survives the way
SELECT client_id, n FROM wide ORDER BY client_id

# every value of wide.n2 survives the way
SELECT client_id, n2 FROM wide ORDER BY client_id

# every value of wide.m survives the way
SELECT client_id, m FROM wide ORDER BY client_id

# every value of wide.c5 survives the way
SELECT client_id, c5 FROM wide ORDER BY client_id

# every value of wide.v5 survives the way
SELECT client_id, v5 FROM wide ORDER BY client_id

# every value of wide.nm survives the way
SELECT client_id, nm FROM wide ORDER BY client_id

# every value of wide.by survives the way
SELECT client_id, by FROM wide ORDER BY client_id

# every value of wide.d survives the way
SELECT client_id, d FROM wide ORDER BY client_id

# every value of wide.t survives the way
SELECT client_id, t FROM wide ORDER BY client_id

# every value of wide.tz survives the way
SELECT client_id, tz FROM wide ORDER BY client_id

# every value of wide.ts survives the way
SELECT client_id, ts FROM wide ORDER BY client_id

# every value of wide.ts3 survives the way
SELECT client_id, ts3 FROM wide ORDER BY client_id

# every value of wide.tstz survives the way
SELECT client_id, tstz FROM wide ORDER BY client_id

# every value of wide.iv survives the way
SELECT client_id, iv FROM wide ORDER BY client_id

# every value of wide.u survives the way
SELECT client_id, u FROM wide ORDER BY client_id

# every value of wide.j survives the way
SELECT client_id, j FROM wide ORDER BY client_id

# every value of wide.jb survives the way
SELECT client_id, jb FROM wide ORDER BY client_id

# every value of wide.ip survives the way
SELECT client_id, ip FROM wide ORDER BY client_id

# every value of wide.net survives the way
SELECT client_id, net FROM wide ORDER BY client_id

# every value of wide.mac survives the way
SELECT client_id, mac FROM wide ORDER BY client_id

# every value of wide.bt survives the way
SELECT client_id, bt FROM wide ORDER BY client_id

# every value of wide.vb survives the way
SELECT client_id, vb FROM wide ORDER BY client_id

# every value of wide.pt survives the way
SELECT client_id, pt FROM wide ORDER BY client_id

# every value of wide.bx survives the way
SELECT client_id, bx FROM wide ORDER BY client_id

# every value of wide.r4 survives the way
SELECT client_id, r4 FROM wide ORDER BY client_id

# every value of wide.rts survives the way
SELECT client_id, rts FROM wide ORDER BY client_id

# every value of wide.mr survives the way
SELECT client_id, mr FROM wide ORDER BY client_id

# every value of wide.ai survives the way
SELECT client_id, ai FROM wide ORDER BY client_id

# every value of wide.at survives the way
SELECT client_id, at FROM wide ORDER BY client_id

# every value of wide.aa survives the way
SELECT client_id, aa FROM wide ORDER BY client_id

# every value of wide.md survives the way
SELECT client_id, md FROM wide ORDER BY client_id

# every value of wide.am survives the way
SELECT client_id, am FROM wide ORDER BY client_id

# every value of wide.dm survives the way
SELECT client_id, dm FROM wide ORDER BY client_id

# every value of wide.pr survives the way
SELECT client_id, pr FROM wide ORDER BY client_id

# every value of wide.o survives the way
SELECT client_id, o FROM wide ORDER BY client_id

# every value of wide.rc survives the way
SELECT client_id, rc FROM wide ORDER BY client_id

# every value of wide.rt survives the way
SELECT client_id, rt FROM wide ORDER BY client_id

# every value of wide.tv survives the way
SELECT client_id, tv FROM wide ORDER BY client_id

# every value of wide.tq survives the way
SELECT client_id, tq FROM wide ORDER BY client_id

# every value of wide.x survives the way
SELECT client_id, x FROM wide ORDER BY client_id

# every value of wide.lsn survives the way
SELECT client_id, lsn FROM wide ORDER BY client_id

# every value of wide.cc survives the way
SELECT client_id, cc FROM wide ORDER BY client_id

# every value of wide.late survives the way
SELECT client_id, late FROM wide ORDER BY client_id

# order and groups of wide.b
SELECT b, count(*), count(b) FROM wide GROUP BY b ORDER BY b DESC NULLS LAST

# order and groups of wide.i2
SELECT i2, count(*), count(i2) FROM wide GROUP BY i2 ORDER BY i2 DESC NULLS LAST

# order and groups of wide.i4
SELECT i4, count(*), count(i4) FROM wide GROUP BY i4 ORDER BY i4 DESC NULLS LAST

# order and groups of wide.f4
SELECT f4, count(*), count(f4) FROM wide GROUP BY f4 ORDER BY f4 DESC NULLS LAST

# order and groups of wide.f8
SELECT f8, count(*), count(f8) FROM wide GROUP BY f8 ORDER BY f8 DESC NULLS LAST

# order and groups of wide.n
SELECT n, count(*), count(n) FROM wide GROUP BY n ORDER BY n DESC NULLS LAST

# order and groups of wide.n2
SELECT n2, count(*), count(n2) FROM wide GROUP BY n2 ORDER BY n2 DESC NULLS LAST

# order and groups of wide.m
SELECT m, count(*), count(m) FROM wide GROUP BY m ORDER BY m DESC NULLS LAST

# order and groups of wide.c5
SELECT c5, count(*), count(c5) FROM wide GROUP BY c5 ORDER BY c5 DESC NULLS LAST

# order and groups of wide.v5
SELECT v5, count(*), count(v5) FROM wide GROUP BY v5 ORDER BY v5 DESC NULLS LAST

# order and groups of wide.by
SELECT by, count(*), count(by) FROM wide GROUP BY by ORDER BY by DESC NULLS LAST

# order and groups of wide.d
SELECT d, count(*), count(d) FROM wide GROUP BY d ORDER BY d DESC NULLS LAST

# order and groups of wide.t
SELECT t, count(*), count(t) FROM wide GROUP BY t ORDER BY t DESC NULLS LAST

# order and groups of wide.tz
SELECT tz, count(*), count(tz) FROM wide GROUP BY tz ORDER BY tz DESC NULLS LAST

# order and groups of wide.ts
SELECT ts, count(*), count(ts) FROM wide GROUP BY ts ORDER BY ts DESC NULLS LAST

# order and groups of wide.ts3
SELECT ts3, count(*), count(ts3) FROM wide GROUP BY ts3 ORDER BY ts3 DESC NULLS LAST

# order and groups of wide.tstz
SELECT tstz, count(*), count(tstz) FROM wide GROUP BY tstz ORDER BY tstz DESC NULLS LAST

# order and groups of wide.iv
SELECT iv, count(*), count(iv) FROM wide GROUP BY iv ORDER BY iv DESC NULLS LAST

# order and groups of wide.u
SELECT u, count(*), count(u) FROM wide GROUP BY u ORDER BY u DESC NULLS LAST

# order and groups of wide.jb
SELECT jb, count(*), count(jb) FROM wide GROUP BY jb ORDER BY jb DESC NULLS LAST

# order and groups of wide.ip
SELECT ip, count(*), count(ip) FROM wide GROUP BY ip ORDER BY ip DESC NULLS LAST

# order and groups of wide.net
SELECT net, count(*), count(net) FROM wide GROUP BY net ORDER BY net DESC NULLS LAST

# order and groups of wide.mac
SELECT mac, count(*), count(mac) FROM wide GROUP BY mac ORDER BY mac DESC NULLS LAST

# order and groups of wide.bt
SELECT bt, count(*), count(bt) FROM wide GROUP BY bt ORDER BY bt DESC NULLS LAST

# order and groups of wide.vb
SELECT vb, count(*), count(vb) FROM wide GROUP BY vb ORDER BY vb DESC NULLS LAST

# order and groups of wide.r4
SELECT r4, count(*), count(r4) FROM wide GROUP BY r4 ORDER BY r4 DESC NULLS LAST

# order and groups of wide.rts
SELECT rts, count(*), count(rts) FROM wide GROUP BY rts ORDER BY rts DESC NULLS LAST

# order and groups of wide.mr
SELECT mr, count(*), count(mr) FROM wide GROUP BY mr ORDER BY mr DESC NULLS LAST

# order and groups of wide.ai
SELECT ai, count(*), count(ai) FROM wide GROUP BY ai ORDER BY ai DESC NULLS LAST

# order and groups of wide.at
SELECT at, count(*), count(at) FROM wide GROUP BY at ORDER BY at DESC NULLS LAST

# order and groups of wide.md
SELECT md, count(*), count(md) FROM wide GROUP BY md ORDER BY md DESC NULLS LAST

# order and groups of wide.am
SELECT am, count(*), count(am) FROM wide GROUP BY am ORDER BY am DESC NULLS LAST

# order and groups of wide.dm
SELECT dm, count(*), count(dm) FROM wide GROUP BY dm ORDER BY dm DESC NULLS LAST

# order and groups of wide.o
SELECT o, count(*), count(o) FROM wide GROUP BY o ORDER BY o DESC NULLS LAST

# order and groups of wide.tv
SELECT tv, count(*), count(tv) FROM wide GROUP BY tv ORDER BY tv DESC NULLS LAST

# order and groups of wide.lsn
SELECT lsn, count(*), count(lsn) FROM wide GROUP BY lsn ORDER BY lsn DESC NULLS LAST

# order and groups of wide.cc
SELECT cc, count(*), count(cc) FROM wide GROUP BY cc ORDER BY cc DESC NULLS LAST

# extremes of wide.i2
SELECT min(i2), max(i2) FROM wide

# extremes of wide.i4
SELECT min(i4), max(i4) FROM wide

# extremes of wide.f4
SELECT min(f4), max(f4) FROM wide

# extremes of wide.f8
SELECT min(f8), max(f8) FROM wide

# extremes of wide.n
SELECT min(n), max(n) FROM wide

# extremes of wide.n2
SELECT min(n2), max(n2) FROM wide

# extremes of wide.m
SELECT min(m), max(m) FROM wide

# extremes of wide.d
SELECT min(d), max(d) FROM wide

# extremes of wide.t
SELECT min(t), max(t) FROM wide

# extremes of wide.ts
SELECT min(ts), max(ts) FROM wide

# extremes of wide.tstz
SELECT min(tstz), max(tstz) FROM wide

# extremes of wide.iv
SELECT min(iv), max(iv) FROM wide

# extremes of wide.c5
SELECT min(c5), max(c5) FROM wide

# extremes of wide.v5
SELECT min(v5), max(v5) FROM wide

# extremes of wide.cc
SELECT min(cc), max(cc) FROM wide

# extremes of wide.md
SELECT min(md), max(md) FROM wide

# extremes of wide.ip
SELECT min(ip), max(ip) FROM wide

# a quoted name
SELECT "Mixed Case" FROM wide ORDER BY "Mixed Case" COLLATE "C"

# all columns, a view
SELECT * FROM wide_view ORDER BY client_id

# all columns
SELECT * FROM wide ORDER BY client_id DESC LIMIT 7

# composite fields
SELECT (pr).a, (pr).b FROM wide WHERE pr IS NOT NULL ORDER BY 1

# array elements
SELECT client_id, unnest(ai) FROM wide ORDER BY 1, 2

# enum order
SELECT DISTINCT md FROM wide ORDER BY md

# float sums
SELECT count(f8), max(f8 / 2) FROM wide WHERE client_id < 50

# exact sums
SELECT sum(i2), sum(i4), sum(n2), sum(m), sum(iv), avg(i4), avg(n2), avg(iv) FROM wide WHERE client_id < 100

# ranges
SELECT range_agg(r4), count(*) FILTER (WHERE r4 @> 7) FROM wide

# json
SELECT jsonb_agg(jb ORDER BY client_id), jsonb_object_agg(client_id, j) FROM wide WHERE client_id < 5

# bits
SELECT bit_and(bt), bit_or(bt), bool_and(b), every(b) FROM wide

# text search
SELECT client_id FROM wide WHERE tv @@ 'word' ORDER BY 1
