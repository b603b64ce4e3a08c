"""Options and arguments that several commands share."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

UserName = Annotated[
    str, typer.Argument(metavar="USER", help="An id, an email address or a username.")
]

PasswordStdin = Annotated[
    bool,
    typer.Option("--password-stdin", help="Read the password from standard input."),
]

Generate = Annotated[
    bool, typer.Option("--generate", help="Generate a password, and print it once.")
]

Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is all of IPv4.")]

Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on; 0 is any.")]
