"""A shop: customers and their orders by customer, countries everywhere."""
from django.db import models


class Country(models.Model):
    code = models.CharField(max_length=2, primary_key=True)
    name = models.CharField(max_length=50)


class Customer(models.Model):
    name = models.CharField(max_length=50)
    country = models.ForeignKey(Country, models.PROTECT)
    joined = models.DateTimeField()


class Order(models.Model):
    pk = models.CompositePrimaryKey("customer_id", "number")
    customer = models.ForeignKey(Customer, models.CASCADE, related_name="orders")
    number = models.IntegerField()
    placed = models.DateTimeField()
    total = models.DecimalField(max_digits=10, decimal_places=2)
    note = models.TextField(blank=True, default="")
    data = models.JSONField(null=True)

    class Meta:
        indexes = [models.Index(fields=["customer", "placed"], name="order_placed")]
