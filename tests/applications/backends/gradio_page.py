"""A page of Gradio with a text, a file and a picture, behind a login.

python gradio_page.py PORT USER PASSWORD
"""

import sys
import time
from pathlib import Path

import gradio

PORT, USER, PASSWORD = int(sys.argv[1]), sys.argv[2], sys.argv[3]


def count(name: str):
    """Say hello letter by letter, as a stream of events."""
    said = ""
    for letter in f"Hello {name}":
        said += letter
        time.sleep(0.01)
        yield said


def lengthened(file: str) -> str:
    """Return another file with more in it."""
    longer = Path(file).with_name("longer.txt")
    longer.write_text(Path(file).read_text() + "And more.\n")
    return str(longer)


with gradio.Blocks(title="Page", analytics_enabled=False) as page:
    name = gradio.Textbox(label="Name")
    said = gradio.Textbox(label="Said")
    gradio.Button("Greet").click(count, name, said)
    given = gradio.File(label="Given")
    made = gradio.File(label="Made")
    gradio.Button("Lengthen").click(lengthened, given, made)
    picture = gradio.Image(label="Picture", type="filepath")
    same = gradio.Image(label="Same")
    gradio.Button("Show").click(lambda each: each, picture, same)

page.launch(server_name="127.0.0.1", server_port=PORT, auth=(USER, PASSWORD), share=False, quiet=True)
