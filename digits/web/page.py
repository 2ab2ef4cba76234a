"""A web page on which to draw digits or upload an image, and see what is read."""

import os
import socket
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from digits.core.errors import InputError
from digits.reading.recognizer import Recognizer

# Set before Gradio is imported, which otherwise checks its maker's server for a newer version.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"

# Gradio's canvas starts with no tool selected. The brush is the first; its name depends on the browser's language.
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

# Each of the 28×28 pixels is shown as a square of this side.
ENLARGED = 5


def serve(recognizer: Recognizer, host: str, port: int) -> None:
    """Serve the page at ``host``, an address of this machine, and ``port`` until interrupted.

    Raises InputError if Gradio is missing or the address cannot be used.
    """
    if not 0 < port < 65_536:
        raise InputError(f"--port {port}: should be from 1 to 65535")
    try:
        import gradio
    except ImportError as error:
        raise InputError(f"{error.name or 'gradio'} is missing; pip install -r requirements-demo.txt") from None
    # Gradio requests its own page to see whether it is up; a proxy would not reach it.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = ",".join(filter(None, [os.environ.get("NO_PROXY"), host]))
    # System fonts, because the fonts of Gradio's themes are fetched from the network.
    theme = gradio.themes.Default(font=["system-ui", "sans-serif"], font_mono=["monospace"])
    try:
        socket.create_server((host, port)).close()
    except OSError as error:
        raise InputError(
            f"{host}:{port}: cannot listen on this address ({error.strerror}); choose another with --port or --host"
        ) from None
    page(recognizer).launch(server_name=host, server_port=port, theme=theme, share=False, footer_links=[])


def page(recognizer: Recognizer) -> Any:
    """Build the page, a gradio.Blocks."""
    import gradio

    def read(image: Image.Image | None) -> tuple[str, Any, Any, Any]:
        digits, text = [], ""
        if image is not None:
            try:
                reading = recognizer.read(image)
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

    # Gradio saves an image after each stroke; every hour, those older than an hour are deleted.
    with gradio.Blocks(title="Digits", analytics_enabled=False, delete_cache=(3600, 3600)) as blocks:
        gradio.Markdown("# Digits\nDraw some digits, or upload a drawing, a scan or a photograph of some.")
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
                with gradio.Tab("Image"):
                    upload = gradio.Image(type="pil", sources=["upload", "webcam", "clipboard"], elem_id="upload")
            with gradio.Column():
                text = gradio.Textbox(label="Reading", lines=1, max_lines=20, elem_id="text")
                seen = gradio.Gallery(
                    label="What the network saw; select one to see its probabilities",
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
