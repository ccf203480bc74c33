"""Documents, with a file each; registered with the admin."""

from django.contrib import admin
from django.db import models


class Document(models.Model):
    title = models.CharField(max_length=100)
    day = models.DateField()
    file = models.FileField(upload_to="documents")

    def __str__(self) -> str:
        return str(self.title)

    def get_absolute_url(self) -> str:
        return str(self.file.url)


class DocumentAdmin(admin.ModelAdmin):
    list_display = ("title", "day")
    search_fields = ("title",)
    date_hierarchy = "day"


admin.site.register(Document, DocumentAdmin)
