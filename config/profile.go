package config

// Profile describes where an app that chatkeep doesn't know keeps its files,
// and what is what among them. It has the form of chatkeep's own profiles.
type Profile struct {
	// Name is what stands in sources: small letters, digits and dashes.
	Name string `yaml:"name" jsonschema:"required,minLength=1"`

	// App is the app it belongs to, if there are several profiles of one. Left
	// out, it is the name.
	App string `yaml:"app,omitempty" jsonschema:"minLength=1"`

	// Layout is the version of the layout, shown by chatkeep accounts.
	Layout string `yaml:"layout,omitempty"`

	// Places are where its accounts may be.
	Places []Place `yaml:"places,omitempty"`

	// Account says which folders are accounts.
	Account Marker `yaml:"account" jsonschema:"required"`

	// Database describes the app's databases.
	Database Pages `yaml:"database,omitempty"`

	// Rules say what the files are; the first that names a file counts. A file
	// that none names is kept as other, a database before the media.
	Rules []Rule `yaml:"rules,omitempty"`

	// Never lists what is never kept, since the app makes it again by itself.
	Never []Never `yaml:"never,omitempty"`
}

// Place is where accounts may be: folder, settings, registry or program says
// how it is found.
type Place struct {
	// OS is linux, windows or macos, if the place is only there.
	OS System `yaml:"os,omitempty"`

	// Scope is runtime for a folder of settings that lies elsewhere.
	Scope Scope `yaml:"scope,omitempty"`

	// Folder is the folder that accounts lie in. It may begin with ~/, and hold
	// ${HOME}, ${DOCUMENTS}, ${CONFIG} or another variable of the environment.
	Folder string `yaml:"folder,omitempty"`

	// Settings is a pattern of small files that hold the path of that folder.
	Settings string `yaml:"settings,omitempty"`

	// Registry is a text of Windows' registry that is its path.
	Registry string `yaml:"registry,omitempty"`

	// Program is the name of one of yours that has files open there (Linux).
	Program string `yaml:"program,omitempty"`

	// Holds is the folder of an account that those files lie in.
	Holds string `yaml:"holds,omitempty"`

	// Below is the name of the folder in what settings or registry name.
	Below string `yaml:"below,omitempty"`
}

// Marker says which folders are accounts.
type Marker struct {
	// Folders are patterns of their names; "." is the place itself.
	Folders []string `yaml:"folders,flow" jsonschema:"required,minItems=1"`

	// Marker lists files or folders of which an account has at least one.
	Marker []string `yaml:"marker,flow" jsonschema:"required,minItems=1"`

	// Except lists names that are no accounts.
	Except []string `yaml:"except,omitempty,flow"`
}

// Pages describes an app's databases.
type Pages struct {
	// Page is the size of a page in bytes.
	Page int `yaml:"page,omitempty" jsonschema:"minimum=0"`

	// Prefix is the number of bytes before the first page.
	Prefix int `yaml:"prefix,omitempty" jsonschema:"minimum=0"`
}

// Rule says what the files are that one of its patterns names.
type Rule struct {
	// Category is what they are: messages, images, …
	Category Category `yaml:"category" jsonschema:"required"`

	// Priority is 0 for what goes first, to 4. Left out, it is the category's.
	Priority *int `yaml:"priority,omitempty" jsonschema:"minimum=0,maximum=4"`

	// Large is the priority of files over 256 MiB.
	Large *int `yaml:"large,omitempty" jsonschema:"minimum=0,maximum=4"`

	// Kind is file, if left out; database; or unit, a folder that is copied as a
	// whole when nobody writes to it.
	Kind Kind `yaml:"kind,omitempty" jsonschema:"default=file"`

	// Before is the category before which these databases are copied, since
	// they point at it.
	Before Category `yaml:"before,omitempty"`

	// Quiet is how long a unit must have been left alone, such as 10m.
	Quiet Duration `yaml:"quiet,omitempty"`

	// Scope is account, if left out; root, what lies beside the accounts; or
	// runtime.
	Scope Scope `yaml:"scope,omitempty" jsonschema:"default=account"`

	// Include lists patterns of whole paths: * within a name, ** any number of
	// folders, {a,b}. Letters match in either case.
	Include []string `yaml:"include,flow" jsonschema:"required,minItems=1"`
}

// Never lists what is never kept.
type Never struct {
	// Scope is that of a rule.
	Scope Scope `yaml:"scope,omitempty" jsonschema:"default=account"`

	// Paths lists patterns as in rules.
	Paths []string `yaml:"paths,flow" jsonschema:"required,minItems=1"`
}

// Words with few values.
type (
	// System is a kind of computer.
	System string
	// Scope is what paths are relative to.
	Scope string
	// Kind is how a file is copied.
	Kind string
	// Duration is a time with its unit: 30s, 10m, 1h.
	Duration string
)
