"""Django as its users write it: what this prints through the proxy is what it prints on one PostgreSQL."""
import datetime as dt
import decimal
import io
import json
import os
import tempfile

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql", "HOST": os.environ["PGHOST"], "PORT": os.environ["PGPORT"],
        "NAME": os.environ["PGDATABASE"], "USER": os.environ["PGUSER"], "PASSWORD": os.environ["PGPASSWORD"],
    }},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions", "shop"],
    USE_TZ=True, TIME_ZONE="Europe/Oslo", SECRET_KEY="x", DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()

from django.contrib.auth.models import Group, Permission, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import IntegrityError, connection, models, transaction
from django.db.models import Avg, Case, Count, Exists, F, Max, Min, OuterRef, Prefetch, Q, Subquery, Sum, Value, When, Window
from django.db.models.functions import Concat, Lower, Rank, TruncMonth

from shop.models import Country, Customer, Order

# Those without a row in the shard map live on its default shard.
TABLES = """shop_order shop_customer shop_country django_session auth_user_groups auth_user_user_permissions
auth_group_permissions auth_permission django_content_type auth_group auth_user django_migrations""".split()


def tell(what, work):
    try:
        print(what, work())
    except Exception as error:
        print(what, "!", type(error).__name__, getattr(error.__cause__, "sqlstate", None))


def command(*words, **options):
    out = io.StringIO()
    call_command(*words, stdout=out, **options)
    return out.getvalue()


def drop_all():
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")


def day(number):
    return dt.datetime(2024, 1 + number // 28 % 12, 1 + number % 28, number % 24, tzinfo=dt.timezone.utc)


def permissions():
    group, user = Group.objects.get(name="g"), User.objects.get(username="ada")
    group.permissions.set(Permission.objects.filter(codename__startswith="add_"))
    user.groups.add(group)
    return sorted(user.get_group_permissions())


def customers():
    for number in range(12):
        country = ["no", "de", "fr", "se"][number % 4]
        Customer(name=f"Customer {number}", country_id=country, joined=day(number * 9)).save()
    return Customer.objects.count()


def orders():
    return len(Order.objects.bulk_create([
        Order(
            customer_id=customer, number=number, placed=day(number * 7 + place), total=decimal.Decimal(number * 10 + place) / 4,
            note=f"note {number}" if number % 2 else "", data={"n": number, "tags": ["a", "b"][: number % 3]} if number % 4 else None,
        )
        for place, customer in enumerate(ids) for number in range(1, 6)
    ], batch_size=25))


def shown(found):
    return [(order.customer.name, order.number, order.total, order.note) for order in found.select_related("customer")]


def saved():
    order = Order.objects.get(pk=(ids[4], 1))
    order.note = "saved"
    order.save()
    return Order.objects.get(pk=order.pk).note


def atomic():
    with transaction.atomic():
        Order.objects.filter(customer_id=ids[0]).update(note="outer")
        try:
            with transaction.atomic():
                Order.objects.filter(customer_id=ids[1]).update(note="inner")
                Order.objects.create(customer_id=ids[0], number=1, placed=day(1), total=1)
        except IntegrityError as error:
            print("integrity", error.__cause__.sqlstate)
        return Order.objects.filter(note="outer").count(), Order.objects.filter(note="inner").count()


def undone():
    try:
        with transaction.atomic():
            Order.objects.all().update(note="gone")
            raise ValueError
    except ValueError:
        return Order.objects.filter(note="gone").count()


def locked():
    with transaction.atomic():
        mine = Order.objects.select_for_update().filter(customer_id=ids[5]).order_by("number")
        return [order.number for order in mine], len(Order.objects.select_for_update(of=("self",)).filter(number=1))


def by_cursor():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), sum(total) FROM shop_order WHERE placed > %s", [day(40)])
        return cursor.fetchone(), [column.name for column in cursor.description]


def session():
    store = SessionStore()
    store["k"] = 1
    store.save()
    return SessionStore(store.session_key)["k"]


def loaded():
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump([row for row in dump if row["model"] != "shop.order"], file)
        file.flush()
        return command("loaddata", file.name).split(" object")[0].strip()


def after_load():
    new = Customer(name="after", country_id="no", joined=day(3))
    new.save()
    return new.id > max(ids), Customer.objects.count()


def introspected():
    with connection.cursor() as cursor:
        tables = connection.introspection
        columns = [column.name for column in tables.get_table_description(cursor, "shop_order")]
        constraints = tables.get_constraints(cursor, "shop_order").values()
        constraints = sorted((it["columns"], it["primary_key"], it["unique"], it["index"]) for it in constraints)
        return columns, constraints, tables.get_relations(cursor, "shop_customer")


def altered():
    with connection.schema_editor() as editor:
        field = models.CharField(max_length=9, default="x", null=True)
        field.set_attributes_from_name("extra")
        field.model = Order
        editor.add_field(Order, field)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(extra) FROM shop_order")
        with_it = cursor.fetchone()
    with connection.schema_editor() as editor:
        editor.remove_field(Order, field)
    return with_it


drop_all()
tell("migrate", lambda: "OK" in command("migrate", run_syncdb=True))
tell("migrate again", lambda: "No migrations to apply" in command("migrate"))
tell("user", lambda: User.objects.create_user("ada", "a@b.c", "pw").username)
tell("group", lambda: [Group.objects.get_or_create(name="g")[1] for _ in range(2)])
tell("permissions", permissions)
tell("countries", lambda: len(Country.objects.bulk_create([Country(code=code, name=code * 2) for code in ("no", "de", "fr")])))
tell("upsert", lambda: [Country.objects.update_or_create(code="se", defaults={"name": name})[1] for name in ("Sverige", "Sweden")])
tell("customers", customers)
ids = list(Customer.objects.order_by("name").values_list("id", flat=True))
tell("orders", orders)
every, people = Order.objects, Customer.objects
tell("page", lambda: shown(every.order_by("-total", "customer__name", "number")[3:9]))
tell("joins", lambda: shown(every.filter(customer__country__name__startswith="S", number=2).order_by("customer__name")))
big = Prefetch("orders", every.filter(total__gt=5).order_by("number"))
tell("prefetch", lambda: [(it.name, [order.number for order in it.orders.all()]) for it in people.prefetch_related(big).order_by("name")[:4]])
per_customer = people.annotate(n=Count("orders"), s=Sum("orders__total"), m=Max("orders__placed"))
tell("annotate", lambda: list(per_customer.filter(n__gt=2).order_by("-s", "name").values_list("name", "n", "s", "m")[:5]))
tell("aggregate", lambda: every.aggregate(Count("number"), Sum("total"), Avg("total"), Min("placed"), distinct=Count("customer", distinct=True)))
tell("filtered", lambda: every.aggregate(a=Count("number", filter=Q(note="")), b=Sum("total", filter=Q(total__gt=F("number") * 3))))
by_month = every.annotate(month=TruncMonth("placed")).values("month").annotate(n=Count("number"), t=Sum("total"))
tell("groups", lambda: list(by_month.order_by("month")))
tell("by country", lambda: list(Country.objects.annotate(n=Count("customer__orders__number")).order_by("code").values_list("code", "n")))
own = every.filter(customer=OuterRef("pk"))
tell("exists", lambda: list(people.filter(Exists(own.filter(total__gt=14))).order_by("name").values_list("name", flat=True)))
last = people.annotate(last=Subquery(own.order_by("-placed").values("number")[:1]))
tell("subquery", lambda: list(last.order_by("name").values_list("name", "last")[:5]))
ranked = every.annotate(rank=Window(Rank(), partition_by="number", order_by=F("total").desc()))
tell("window", lambda: list(ranked.order_by("number", "rank", "customer__name").values_list("number", "rank")[:8]))
tell("conditions", lambda: every.filter(Q(note__icontains="NOTE") & ~Q(number=3) | Q(data__n=2)).count())
tell("json", lambda: sorted(every.filter(data__tags__contains=["a"]).values_list("number", flat=True).distinct()))
tell("json key", lambda: list(every.filter(data__has_key="n").values("data__n").annotate(c=Count("number")).order_by("data__n")))
tell("dates", lambda: [it.isoformat() for it in every.datetimes("placed", "month")])
tell("union", lambda: sorted(every.filter(number=1).values_list("number", "total").union(every.filter(number=2).values_list("number", "total"))))
size = Case(When(total__lt=5, then=Value("s")), When(total__lt=10, then=Value("m")), default=Value("l"))
tell("case", lambda: list(every.annotate(size=size).values("size").annotate(c=Count("number")).order_by("size")))
tell("concat", lambda: list(people.annotate(x=Concat(Lower("name"), Value("@"), "country_id")).order_by("x").values_list("x", flat=True)[:3]))
tell("in bulk", lambda: sorted(it.name for it in people.in_bulk(ids[:5]).values()))
tell("one", lambda: [every.get(pk=(ids[3], 2)).total, people.filter(pk=-5).first()])
tell("update", lambda: every.filter(customer_id=ids[2]).update(total=F("total") + 1))
tell("update all", lambda: every.filter(number=5).update(note=Concat(F("note"), Value("!"))))
tell("update of a join", lambda: every.filter(customer__country_id="no").update(note="no"))
tell("save", saved)
tell("atomic", atomic)
tell("undone", undone)
tell("locked", locked)
tell("iterator", lambda: sum(1 for _ in every.order_by("customer_id", "number").iterator(chunk_size=7)))
tell("explain", lambda: len(every.filter(customer_id=ids[0]).explain()) > 0)
tell("cursor", by_cursor)
tell("session", session)
dump = json.loads(command("dumpdata", "shop.customer", "shop.order", "shop.country", "auth.user"))
tell("dump", lambda: [sum(row["model"] == model for row in dump) for model in ("shop.customer", "shop.order", "shop.country", "auth.user")])
tell("delete", lambda: every.filter(number=4).delete())
tell("cascade", lambda: people.filter(name="Customer 3").delete())
tell("load", loaded)
tell("after", after_load)
tell("introspect", introspected)
tell("alter", altered)
tell("flush", lambda: (command("flush", interactive=False), every.count(), people.count(), User.objects.count()))
drop_all()
