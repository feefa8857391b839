"""What a snippet shows and does not name: `plt.show()`, `Image.show()`, `cv2.imshow`, `display(…)`, a last value.

Each picture shown is saved in the session's directory; that it is returned is decided by `naming`.
"""

from __future__ import annotations

import os
import sys
import types
from importlib.machinery import ModuleSpec
from os import makedirs
from typing import Any

from .naming import SHOWN

_FILE = '_thyme_file'
"""Attribute of a figure: where it was saved as it is."""
_NO_WINDOW = ('namedWindow', 'destroyWindow', 'destroyAllWindows', 'resizeWindow', 'moveWindow', 'setWindowTitle')
_NO_KEY = -1


class Shows:
    """Keeps what one session's snippets show."""

    def __init__(self) -> None:
        self._directory = ''
        self._count = 0
        self.paths: list[str] = []
        """Of the pictures that the running snippet has shown, in order."""

    def begin(self, work: str) -> None:
        """Makes it one session's."""
        self._directory = work

    def install(self, namespace: dict[str, Any], name: str) -> None:
        """Puts `display` and the value of the last line into a namespace, and itself behind the libraries' shows."""
        namespace['display'] = self.display
        namespace[name] = self.value
        cv2, pillow, pyplot = (sys.modules.get(one) for one in ('cv2', 'PIL.Image', 'matplotlib.pyplot'))
        if cv2 is not None:
            setattr(cv2, 'imshow', lambda winname, mat: self._array(mat))  # noqa: B010 (mypy knows no such attribute)
            for nothing in _NO_WINDOW:
                setattr(cv2, nothing, lambda *args, **kwargs: None)
            for key in ('waitKey', 'waitKeyEx', 'pollKey'):
                setattr(cv2, key, lambda *args: _NO_KEY)
        if pillow is not None:
            pillow.Image.show = lambda picture, *args, **kwargs: self._picture(picture)
        if pyplot is not None:
            self._install_plots(pyplot)
        _add_ipython(self)

    def display(self, *values: Any, **options: Any) -> None:
        """As IPython's: shows pictures, prints everything else."""
        for value in values:
            if not self._shown(value):
                _write(value if isinstance(value, str) else repr(value))

    def value(self, value: Any) -> None:
        """Shows the value on a snippet's last line, unless there is none."""
        if value is not None and not self._shown(value):
            _write(repr(value))

    def _shown(self, value: Any) -> bool:
        """Whether a value was a picture, and is shown now."""
        pillow, figure, artist = (
            sys.modules.get(one) for one in ('PIL.Image', 'matplotlib.figure', 'matplotlib.artist')
        )
        if isinstance(value, _FromFile):
            self.paths.append(value.path)
        elif pillow is not None and isinstance(value, pillow.Image):
            self._picture(value)
        elif figure is not None and isinstance(value, figure.Figure):
            self._figure(value)
        elif artist is not None and isinstance(_first(value), artist.Artist):
            drawn_on = _first(value).get_figure()
            if drawn_on is not None:
                self._figure(drawn_on)
        else:
            return False
        return True

    def _new_path(self) -> str:
        makedirs(os.path.join(self._directory, SHOWN), exist_ok=True)
        self._count += 1
        path = os.path.join(self._directory, SHOWN, f'{self._count}.png')
        self.paths.append(path)
        return path

    def _picture(self, picture: Any) -> None:
        plain = picture if picture.mode in ('1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'I;16') else picture.convert('RGB')
        plain.save(self._new_path())

    def _array(self, array: Any) -> None:
        sys.modules['cv2'].imwrite(self._new_path(), array)

    def _figure(self, figure: Any) -> None:
        path = getattr(figure, _FILE, None)
        if path is None or figure.stale:
            path = self._new_path()
            figure.savefig(path)
        elif path not in self.paths:
            self.paths.append(path)

    def _install_plots(self, pyplot: types.ModuleType) -> None:
        figure_type = sys.modules['matplotlib.figure'].Figure
        save = figure_type.savefig

        def savefig(figure: Any, fname: Any, *args: Any, **kwargs: Any) -> None:
            save(figure, fname, *args, **kwargs)
            if isinstance(fname, (str, os.PathLike)):
                setattr(figure, _FILE, os.fspath(fname))
                figure.stale = False

        def show(*args: Any, block: bool | None = None, **kwargs: Any) -> None:
            for number in pyplot.get_fignums():
                self._figure(pyplot.figure(number))
            if block is not False:
                pyplot.close('all')

        figure_type.savefig = savefig
        figure_type.show = lambda figure, warn=True: self._figure(figure)
        setattr(pyplot, 'show', show)  # noqa: B010 (as above)
        setattr(pyplot, 'pause', lambda interval: None)  # noqa: B010


class _FromFile:
    """`IPython.display.Image(filename)`."""

    def __init__(self, data: Any = None, url: Any = None, filename: Any = None, **options: Any) -> None:
        path = filename if filename is not None else data
        if not isinstance(path, (str, os.PathLike)):
            raise ValueError('Image(…) takes the path of a picture here')
        self.path = os.fspath(path)


def _write(text: str) -> None:
    sys.stdout.write(text + '\n')


def _first(value: Any) -> Any:
    """The first item of a list or tuple (plots come as lists of lines), else the value."""
    return value[0] if isinstance(value, (list, tuple)) and value else value


def _add_ipython(shows: Shows) -> None:
    """Gives snippets the part of IPython that shows pictures; the real one has nobody here to show them to."""
    package, display = types.ModuleType('IPython'), types.ModuleType('IPython.display')
    for module in (package, display):
        module.__spec__ = ModuleSpec(module.__name__, None)
    package.__path__ = []
    vars(package).update(display=display, get_ipython=lambda: None, version_info=(9, 0), __version__='9.0')
    vars(display).update(
        display=shows.display, Image=_FromFile, clear_output=lambda wait=False: None, HTML=str, Markdown=str
    )
    sys.modules.update({'IPython': package, 'IPython.display': display})
