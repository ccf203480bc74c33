"""What a client of CalDAV does in a day, at each of some addresses at once: it prints what came of each step.

python caldav_client.py CA_FILE URL...
"""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import urlsplit

import caldav
from caldav.lib.error import NotFoundError

CA, *HOMES = sys.argv[1:]
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260101T000000Z
DTSTART:202601{day:02}T120000Z
DTEND:202601{day:02}T130000Z
SUMMARY:{summary}
END:VEVENT
END:VCALENDAR
"""
type Steps = list[tuple[str, object]]


class Day:
    """A day of a user at one address.

    URLs are told as if that were the root, and the user were called "user"; one that is not below it stands out.
    """

    def __init__(self, home: str, user: str) -> None:
        self._home = home
        self._user = user
        self.steps: Steps = []

    def below(self, url: object) -> str:
        parts = urlsplit(self._home)
        path = str(url).removeprefix(f"{parts.scheme}://{parts.netloc}")
        own = f"{parts.path}{self._user}/"
        return path.replace(own, "/user/") if path.startswith(own) else f"elsewhere: {path}"

    def summaries(self, events: list[caldav.Event]) -> list[object]:
        return sorted((self.below(event.url), str(event.icalendar_component["SUMMARY"])) for event in events)

    def names(self, principal: caldav.Principal) -> list[object]:
        return [(self.below(each.url), each.get_display_name()) for each in principal.calendars()]

    def spend(self) -> None:
        steps, below, summaries = self.steps, self.below, self.summaries
        with caldav.DAVClient(url=self._home, username=self._user, password="secret", ssl_verify_cert=CA) as client:
            principal = client.principal()
            steps.append(("principal", below(principal.url)))
            steps.append(("home", below(principal.calendar_home_set.url)))
            calendar = principal.make_calendar(name="Work", cal_id="work")
            steps.append(("calendar", below(calendar.url)))
            for day in range(1, 6):
                event = calendar.save_event(EVENT.format(uid=f"event-{day}", day=day, summary=f"Number {day}"))
                steps.append(("saved", below(event.url)))
            steps.append(("calendars", self.names(principal)))
            events = calendar.events()
            steps.append(("events", summaries(events)))
            steps.append(("by UID", summaries([calendar.event_by_uid("event-3")])))
            found = calendar.search(start=datetime(2026, 1, 2), end=datetime(2026, 1, 4), event=True)
            steps.append(("search", summaries(found)))
            # A multiget names resources in the body of its request.
            wanted = [event.url for event in events if str(event.url).endswith(("1.ics", "4.ics"))]
            steps.append(("multiget", summaries(calendar.multiget(wanted))))
            synced = calendar.objects_by_sync_token(load_objects=True)
            steps.append(("synced", summaries(list(synced))))
            (second,) = (event for event in events if str(event.icalendar_component["SUMMARY"]) == "Number 2")
            second.icalendar_component["SUMMARY"] = "Changed"
            second.save()
            calendar.event_by_uid("event-5").delete()
            updated, deleted = synced.sync()
            steps.append(("updated", summaries(list(updated))))
            steps.append(("deleted", [below(each.url) for each in deleted]))
            steps.append(("after", summaries(calendar.events())))
            calendar.set_properties([caldav.elements.dav.DisplayName("Renamed")])
            steps.append(("renamed", self.names(principal)))
            calendar.delete()
            try:
                calendar.events()
            except NotFoundError as error:
                steps.append(("gone", type(error).__name__))


def main() -> None:
    days = [Day(home, f"user{number}") for number, home in enumerate(HOMES)]
    with ThreadPoolExecutor(len(days)) as pool:
        list(pool.map(Day.spend, days))
    print(json.dumps([day.steps for day in days]))


main()
