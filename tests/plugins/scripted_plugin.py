"""For `--external_plugins` in tests: everything, and the scripted template, with a witness where one is asked for."""

from prompt_witness import WitnessedTemplate, is_wanted
from swift.template import register_template

from scripted.policy import register_scripted
from swift_thyme.host.register import register_all
from swift_thyme.host.template import template_meta

register_all()
register_scripted()
if is_wanted():
    register_template(template_meta('thyme_scripted', WitnessedTemplate), exist_ok=True)
