"""How Sphinx makes the site of the pages that tools/site.py has laid out for it."""

project = "Colonnade"
author = "the Colonnade authors"
html_title = "Colonnade"

extensions = ["myst_parser", "breathe"]
root_doc = "index"
source_suffix = {".md": "markdown"}
myst_heading_anchors = 5  # as GitHub has them: [math.md](math.md#the-same-bits)
suppress_warnings = ["myst.header"]  # README's first section stands two levels below its title on some pages

breathe_projects = {"colonnade": "../doxygen/xml"}
breathe_default_project = "colonnade"
breathe_default_members = ("members", "undoc-members")
breathe_show_include = False
breathe_domain_by_extension = {"hpp": "cpp"}

primary_domain = "cpp"
highlight_language = "text"
pygments_style = "friendly"
pygments_dark_style = "monokai"

html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_static_path = ["site/static"]
html_css_files = ["site.css"]
html_theme_options = {
    # The colours of ranks 0 and 1 in the drawings.
    "light_css_variables": {"color-brand-primary": "#2f5f9e", "color-brand-content": "#2f5f9e"},
    "dark_css_variables": {"color-brand-primary": "#7fb0ee", "color-brand-content": "#7fb0ee"},
}
