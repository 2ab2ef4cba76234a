"""A page in the browser on which one draws digits, or uploads a picture of some, and sees what is read."""

import os
import socket
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.core.errors import InputError
from digits.reading.recognizer import Recognizer

# Before Gradio is imported, which otherwise asks its maker's server for its newest version.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# Gradio's canvas begins with no tool in hand. The brush is the first; the tools' names are in the browser's language.
TAKE_BRUSH = """
() => {
    let tries = 100;
    const waiting = setInterval(() => {
        const brush = document.querySelector('#canvas button.quite-round');
        if (brush) brush.click();
        if (brush || --tries === 0) clearInterval(waiting);
    }, 100);
}
"""

# The 28×28 pixels are shown larger, each as a square.
ENLARGED = 5


def serve(recognizer: Recognizer, host: str, port: int) -> None:
    """Show the page at ``host``, an address of this machine, and ``port`` until interrupted.

    Raises InputError where Gradio is missing, or where that address cannot be listened on.
    """
    if not 0 < port < 65_536:
        raise InputError(f"--port {port}: should be from 1 to 65535")
    try:
        import gradio
    except ImportError as error:
        raise InputError(f"{error.name or 'gradio'} is missing; pip install -r requirements-demo.txt") from None
    # Gradio asks its own page whether it is up, which no proxy could tell.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), host]))
    # Fonts of the system, since those of Gradio's themes are fetched from the network.
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise InputError(
            f"{host}:{port}: cannot be listened on ({error.strerror}); choose another with --port or --host"
        ) from None
    page(recognizer).launch(server_name=host, server_port=port, theme=theme, share=False, footer_links=[])


def page(recognizer: Recognizer) -> Any:
    """Return a gradio.Blocks."""
    import gradio

    def read(picture: Image.Image | None) -> tuple[str, Any, Any, Any]:
        digits, text = [], ""
        if picture is not None:
            try:
                reading = recognizer.read(picture)
            except InputError as error:
                raise gradio.Error(str(error)) from None
            digits, text = reading.digits, reading.text
        shown = [(_enlarge(each.image), f"{each.digit} · {each.probability:.1%}") for each in digits]
        probabilities = [each.probabilities.tolist() for each in digits]
        return text or "no digit", shown, probabilities, bars(probabilities, 0)

    def bars(probabilities: list[list[float]], number: int) -> dict[str, float] | None:
        return dict(zip("0123456789", probabilities[number], strict=True)) if probabilities else None

    def select(probabilities: list[list[float]], event: gradio.SelectData) -> dict[str, float] | None:
        return bars(probabilities, int(event.index))

    # Each stroke's picture would stay on disk for good: those of more than an hour ago go, once an hour.
    with gradio.Blocks(title="Digits", analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        gradio.Markdown("# Digits\nDraw one or several, or give a picture of some: drawn, scanned or photographed.")
        with gradio.Row():
            with gradio.Column():
                with gradio.Tab("Draw"):
                    canvas = gradio.Sketchpad(
                        type="pil",
                        image_mode="RGBA",
                        format="png",
                        canvas_size=(560, 280),
                        fixed_canvas=True,
                        layers=False,
                        transforms=[],
                        brush=gradio.Brush(default_size=16, colors=["#000000"], color_mode="fixed"),
                        show_label=False,
                        elem_id="canvas",
                    )
                with gradio.Tab("Picture"):
                    upload = gradio.Image(type="pil", sources=["upload", "webcam", "clipboard"], elem_id="upload")
            with gradio.Column():
                text = gradio.Textbox(label="Reading", lines=1, max_lines=20, elem_id="text")
                seen = gradio.Gallery(
                    label="What the network saw; choose one to see its probabilities",
                    format="png",
                    columns=4,
                    fit_columns=False,
                    height="auto",
                    buttons=[],
                    allow_preview=False,
                    interactive=False,
                    elem_id="seen",
                )
                chosen = gradio.Label(
                    label="Probabilities", num_top_classes=10, show_heading=False, elem_id="probabilities"
                )
        state = gradio.State([])
        outputs = [text, seen, state, chosen]
        canvas.change(lambda drawn: read(drawn and drawn["composite"]), canvas, outputs, show_progress="hidden")
        upload.change(read, upload, outputs)
        blocks.load(js=TAKE_BRUSH)
        seen.select(select, state, chosen, show_progress="hidden")
    return blocks


def _enlarge(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return image.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1)
