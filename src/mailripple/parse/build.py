"""From translated kernels to callable machine code, and the cache that keeps it between runs."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import hashlib
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from mailripple.parse.cache import cache_directory
from mailripple.parse.native import ON_X86, functions_of, translate

#: What keeps the machine code alive: engines must not be freed while their functions can be called.
_ENGINES: list[Any] = []
#: An import of this package: the module, and the names.
_IMPORT = re.compile(r"^from (mailripple[\w.]*) import (\([^)]*\)|.*)", re.MULTILINE)


class Kernels:
    """The entries of some kernel modules, as attributes: each takes and gives plain integers."""

    def __init__(self, modules: Sequence[ModuleType]) -> None:
        self._entries = _load(modules)

    def address(self, name: str) -> int:
        """Where an entry stands, for code that is compiled later."""
        return int(ctypes.cast(self._entries[name], ctypes.c_void_p).value or 0)  # type: ignore[arg-type]

    def __getattr__(self, name: str) -> Callable[..., int]:
        try:
            return self._entries[name]
        except KeyError:
            raise AttributeError(name) from None


def once(make: Callable[[], Kernels]) -> Callable[[], Kernels]:
    """Decorator: the kernels are compiled or loaded once a process, whichever threads ask for them at a time."""
    lock = threading.Lock()
    made: list[Kernels] = []

    @functools.wraps(make)
    def kernels() -> Kernels:
        with lock:
            if not made:
                made.append(make())
        return made[0]

    return kernels


def target_machine() -> Any:
    """LLVM's description of this processor."""
    import llvmlite.binding as llvm

    for start in ("initialize_native_target", "initialize_native_asmprinter"):
        getattr(llvm, start)()
    target = llvm.Target.from_default_triple()
    features = llvm.get_host_cpu_features()
    for name in features:  # masks of AVX-512 take longer to reach an ordinary register than those of AVX2
        if name.startswith(("avx512", "evex512")):
            features[name] = False
    # code and constants lie in one block (`load_object`): one is reached from the other by its distance alone
    near = {"reloc": "pic", "codemodel": "small"} if ON_X86 else {"codemodel": "jitdefault"}
    return target.create_target_machine(cpu=llvm.get_host_cpu_name(), features=features.flatten(), opt=3, **near)


def digest(modules: Sequence[ModuleType]) -> str:
    """Changes with the source of the kernels, of this compiler, of what they import, LLVM, and the processor."""
    import llvmlite
    import llvmlite.binding as llvm

    total = hashlib.sha256(f"{llvmlite.__version__} {llvm.get_host_cpu_name()}".encode())
    total.update(llvm.get_host_cpu_features().flatten().encode())
    here = Path(__file__).parent
    for path in sorted({here / "native.py", here / "vectors.py", here / "build.py", *sources_of(modules)}):
        total.update(path.read_bytes())
    return total.hexdigest()[:24]


def sources_of(modules: Sequence[ModuleType]) -> set[Path]:
    """The source files of modules and of all that they import of this package: constants are compiled in."""
    waiting, found = list(modules), set()
    while waiting:
        path = Path(str(waiting.pop().__file__))
        if path in found:
            continue
        found.add(path)
        for package, names in _IMPORT.findall(path.read_text(encoding="utf-8")):
            inner = [f"{package}.{name}" for name in re.findall(r"\w+", names)]
            waiting += [sys.modules[name] for name in (package, *inner) if name in sys.modules]
    return {path for path in found if path.name != "__init__.py"}


def compile_modules(modules: Sequence[ModuleType], machine: Any) -> bytes:
    """Object code of all kernel functions of the modules."""
    return compile_text(translate(functions_of(modules)), machine)


def compile_text(text: str, machine: Any) -> bytes:
    """Object code of a module in LLVM's text form."""
    import llvmlite.binding as llvm

    module = llvm.parse_assembly(text)
    module.triple = machine.triple
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    code: bytes = machine.emit_object(module)
    return code


def _load(modules: Sequence[ModuleType]) -> dict[str, Callable[..., int]]:
    import inspect

    machine = target_machine()
    engine = load_object(_cached(modules, machine), machine)
    entries: dict[str, Callable[..., int]] = {}
    for function in functions_of(modules):
        if function.__kernel__ == "entry":  # type: ignore[attr-defined]
            count = len(inspect.signature(function).parameters)
            shape = ctypes.CFUNCTYPE(ctypes.c_int64, *([ctypes.c_int64] * count))
            entries[function.__name__] = shape(engine.get_function_address(function.__name__))
    return entries


def load_object(code: bytes, machine: Any) -> Any:
    """Bring object code into memory for as long as the process lives; the engine that knows its addresses."""
    import llvmlite.binding as llvm

    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine, use_lmm=True)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _ENGINES.append(engine)
    return engine


def _cached(modules: Sequence[ModuleType], machine: Any) -> bytes:
    """The object code from the cache if it is whole, else made anew and kept there if that is possible."""
    directory = cache_directory()
    if directory is None:
        return compile_modules(modules, machine)
    path = directory / f"kernels-{digest(modules)}.o"
    code = read_kept(path)
    if code is None:
        code = compile_modules(modules, machine)
        keep(path, code)
    return code


def read_kept(path: Path) -> bytes | None:
    """What `keep` wrote there, if it is there and whole."""
    try:
        stored = path.read_bytes()
    except OSError:
        return None
    return stored[32:] if hashlib.sha256(stored[32:]).digest() == stored[:32] else None


def keep(path: Path, content: bytes) -> None:
    """Write whole or not at all: another process may be reading.  A full disk is no reason to stop."""
    content = hashlib.sha256(content).digest() + content
    part: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as out:
            part = Path(out.name)
            out.write(content)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            if part is not None:
                part.unlink()
