"""Sphinx's settings: API from the docstrings, guides in Markdown."""

import os
import pathlib
import sys

HERE = pathlib.Path(__file__).parent
# The build imports this checkout, and its local extensions, on the CPU.
sys.path[:0] = [str(HERE.parent), str(HERE / '_extensions')]
os.environ.setdefault('JAX_PLATFORMS', 'cpu')

import jaxhash  # noqa: E402

repository = os.environ.get('REPOSITORY', 'OWNER/jaxhash')

project = 'jaxhash'
author = 'The jaxhash authors'
copyright = author
release = version = jaxhash.__version__
language = 'en'

extensions = [
  'myst_parser',
  'sphinx.ext.autodoc',
  'sphinx.ext.mathjax',
  'sphinx.ext.napoleon',
  'sphinx.ext.viewcode',
  'sphinx-mathjax-offline',
  'sphinxcontrib.bibtex',
  # From docs/_extensions.
  'command_help',
  'complete',
  'name_links',
  'prose_docstrings',
]
exclude_patterns = ['_extensions']

myst_enable_extensions = ['dollarmath']
myst_heading_anchors = 3
blob = f'https://github.com/{repository}/blob/main'
colab = f'https://colab.research.google.com/github/{repository}/blob/main'
myst_url_schemes = {
  'http': None,
  'https': None,
  'colab': colab + '/colabs/{{path}}.ipynb',
  'notebook': blob + '/colabs/{{path}}.ipynb',
}

# `codes` is a link where it is a documented name, and literal text elsewhere.
default_role = 'name'

# Indented text in docstrings is equations and tables, not Python.
highlight_language = 'none'

autodoc_member_order = 'bysource'
autodoc_typehints_format = 'short'
autodoc_preserve_defaults = True
napoleon_attr_annotations = False  # the signature of the class has them
autodoc_class_signature = 'mixed'
python_maximum_signature_line_length = 70
python_use_unqualified_type_names = True
toc_object_entries_show_parents = 'hide'
viewcode_follow_imported_members = True
# Types of other libraries: to link them would take a network.
nitpick_ignore_regex = [
  (r'py:(class|obj|data|func|meth|exc)', r'(?!jaxhash).*')
]

bibtex_bibfiles = ['references.bib']
bibtex_reference_style = 'author_year'
bibtex_default_style = 'plain'

complete_package = 'jaxhash'
complete_commands = ['benchmarks', 'colabs', 'experiments', 'jaxhash']

html_theme = 'furo'
html_title = f'jaxhash {version}'
html_copy_source = False
html_show_sphinx = False
html_theme_options = {
  'source_repository': f'https://github.com/{repository}/',
  'source_branch': 'main',
  'source_directory': 'docs/',
}
html_static_path = ['_static']
html_css_files = ['custom.css']


def setup(app):
  """Says of an extension, which only copies files at the end, that it may."""
  app.extensions['sphinx-mathjax-offline'].parallel_read_safe = True
