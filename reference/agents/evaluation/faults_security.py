"""Security faults of the textbook by weakness (CWE), each with a repaired twin."""

from __future__ import annotations

from reference.agents.types import Agent

from .cases import Template

AGENTS = frozenset({Agent.SECURITY})


def _one(family: str, name: str, imports: tuple[str, ...], bad: str, good: str) -> Template:
    return Template(name, imports, bad, good, frozenset({family}))


TEMPLATES = (
    _one("sql", "SQL put together with an f-string", (), '''
def $verb_$many(connection, $part):
    """The $many of a $part."""
    cursor = connection.cursor()
    cursor.execute(f"SELECT * FROM $many WHERE $part = '{$part}'")  #!
    return cursor.fetchall()
''', '''
def $verb_$many(connection, $part):
    """The $many of a $part."""
    cursor = connection.cursor()
    cursor.execute("SELECT * FROM $many WHERE $part = ?", ($part,))
    return cursor.fetchall()
'''),
    _one("sql", "SQL put together in a variable", (), '''
def $verb_$many(connection, $part):
    """The $many of a $part."""
    statement = "SELECT * FROM $many WHERE $part = '" + $part + "'"  #!
    return connection.execute(statement).fetchall()  #!
''', '''
def $verb_$many(connection, $part):
    """The $many of a $part."""
    statement = "SELECT * FROM $many WHERE $part = ?"
    return connection.execute(statement, ($part,)).fetchall()
'''),
    _one("command", "shell with a variable", ("import subprocess",), '''
def $verb_$one(path):
    """Packs the folder of a $one."""
    return subprocess.call("tar czf $one.tgz " + path, shell=True)  #!
''', '''
def $verb_$one(path):
    """Packs the folder of a $one."""
    return subprocess.call(["tar", "czf", "$one.tgz", "--", path])
'''),
    _one("command", "os.system with a variable", ("import os",), '''
def $verb_$one(name):
    """Prints the $one of that name."""
    os.system(f"lpr -P $part {name}")  #!
''', '''
def $verb_$one(name, printer):
    """Prints the $one of that name."""
    printer.send("$part", name)
'''),
    _one("deserialisation", "pickle of a request", ("import pickle",), '''
def $verb_$one(request):
    """The $one that a client sent."""
    return pickle.loads(request.data)  #!
''', '''
def $verb_$one(request, json):
    """The $one that a client sent."""
    return json.loads(request.data)
'''),
    _one("deserialisation", "yaml.load", ("import yaml",), '''
def $verb_$one(text):
    """Settings of a $one."""
    return yaml.load(text, Loader=yaml.Loader)  #!
''', '''
def $verb_$one(text):
    """Settings of a $one."""
    return yaml.safe_load(text)
'''),
    _one("code", "eval of a request", (), '''
def $verb_$one(request):
    """Sum that a client asks for."""
    return eval(request.args["$part"])  #!
''', '''
def $verb_$one(request):
    """Sum that a client asks for."""
    return int(request.args["$part"])
'''),
    _one("crypto", "MD5 of a password", ("import hashlib",), '''
def $verb_$one(password):
    """What is kept of the password of a $one."""
    return hashlib.md5(password.encode()).hexdigest()  #!
''', '''
def $verb_$one(password, salt):
    """What is kept of the password of a $one."""
    return hashlib.scrypt(password.encode(), salt=salt, n=16384, r=8, p=1).hex()
'''),
    _one("random", "token from random", ("import random",), '''
def $verb_token(length=$number):
    """Session token of a $one."""
    return "".join(random.choice("abcdef0123456789") for _ in range(length))  #!
''', '''
def $verb_token(secrets, length=$number):
    """Session token of a $one."""
    return secrets.token_hex(length)
'''),
    _one("tls", "certificate not checked", ("import requests",), '''
def $verb_$one(address):
    """The $one of a partner."""
    return requests.get(address, verify=False, timeout=$number).json()  #!
''', '''
def $verb_$one(address):
    """The $one of a partner."""
    return requests.get(address, timeout=$number).json()
'''),
    _one("xss", "request text marked safe", ("from markupsafe import Markup",), '''
def $verb_$one(request):
    """Greeting of a $one."""
    return Markup("<p>" + request.args["$part"] + "</p>")  #!
''', '''
def $verb_$one(request):
    """Greeting of a $one."""
    return Markup("<p>{}</p>").format(request.args["$part"])
'''),
    _one("xss", "template without escaping", ("import jinja2",), '''
def $verb_$one(folder):
    """Environment for the pages of a $one."""
    return jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=False)  #!
''', '''
def $verb_$one(folder):
    """Environment for the pages of a $one."""
    return jinja2.Environment(loader=jinja2.FileSystemLoader(folder), autoescape=True)
'''),
    _one("path", "path of a request opened", ("import os",), '''
def $verb_$one(request, folder):
    """File of a $one."""
    with open(os.path.join(folder, request.args["$part"]), encoding="utf-8") as file:  #!
        return file.read()
''', '''
def $verb_$one(request, known):
    """File of a $one."""
    with open(known[int(request.args["$part"])], encoding="utf-8") as file:
        return file.read()
'''),
    _one("path", "archive unpacked without a check", ("import tarfile",), '''
def $verb_$one(upload, folder):
    """Unpacks the files of a $one."""
    with tarfile.open(fileobj=upload) as archive:
        archive.extractall(folder)  #!
''', '''
def $verb_$one(upload, folder):
    """Unpacks the files of a $one."""
    with tarfile.open(fileobj=upload) as archive:
        archive.extractall(folder, filter="data")
'''),
    _one("xxe", "XML with entities", ("from lxml import etree",), '''
def $verb_$one(text):
    """Document of a $one."""
    return etree.fromstring(text, etree.XMLParser(resolve_entities=True, no_network=False))  #!
''', '''
def $verb_$one(text):
    """Document of a $one."""
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True))
'''),
    _one("redirect", "redirect to a request's address", ("from flask import redirect",), '''
def $verb_$one(request):
    """Back to where the $one came from."""
    return redirect(request.args["next"])  #!
''', '''
def $verb_$one(request):
    """Back to where the $one came from."""
    return redirect({"list": "/$many", "home": "/"}.get(request.args["next"], "/"))
'''),
    _one("ssrf", "request to a request's address", ("import requests",), '''
def $verb_$one(request):
    """Picture of a $one."""
    return requests.get(request.args["address"], timeout=$number).content  #!
''', '''
def $verb_$one(request):
    """Picture of a $one."""
    return requests.get("https://pictures.example/$one", timeout=$number).content
'''),
    _one("permissions", "file for everybody", ("import os",), '''
def $verb_$one(path):
    """Makes the file of a $one."""
    os.chmod(path, 0o777)  #!
''', '''
def $verb_$one(path):
    """Makes the file of a $one."""
    os.chmod(path, 0o600)
'''),
    _one("temporary", "guessable temporary file", ("import tempfile",), '''
def $verb_$one(data):
    """Keeps the $one for a while."""
    path = tempfile.mktemp(suffix=".$one")  #!
    with open(path, "wb") as file:
        file.write(data)
    return path
''', '''
def $verb_$one(data):
    """Keeps the $one for a while."""
    with tempfile.NamedTemporaryFile(suffix=".$one", delete=False) as file:
        file.write(data)
        return file.name
'''),
    _one("debug", "debugger of the web server on", ("from flask import Flask",), '''
def $verb_server():
    """Server of the $many."""
    app = Flask("$many")
    app.run(debug=True)  #!
''', '''
def $verb_server():
    """Server of the $many."""
    app = Flask("$many")
    app.run(debug=False)
'''),
)  # fmt: skip
