// Dumps the declarations of a Go package as JSON syntax trees: scripts/terraform_schema/read.py evaluates them.
//
//	go run dump.go DIRECTORY... > trees.json
package main

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"strings"
)

type object = map[string]any

func list[T ast.Node](nodes []T) []any {
	made := []any{}
	for _, node := range nodes {
		made = append(made, tree(node))
	}
	return made
}

func tree(node ast.Node) any {
	if node == nil || reflect.ValueOf(node).IsNil() {
		return nil
	}
	switch n := node.(type) {
	case *ast.BasicLit:
		return object{"lit": n.Value, "kind": n.Kind.String()}
	case *ast.Ident:
		return object{"id": n.Name}
	case *ast.SelectorExpr:
		return object{"sel": n.Sel.Name, "of": tree(n.X)}
	case *ast.CompositeLit:
		return object{"make": tree(n.Type), "elts": list(n.Elts)}
	case *ast.KeyValueExpr:
		return object{"key": tree(n.Key), "val": tree(n.Value)}
	case *ast.CallExpr:
		return object{"call": tree(n.Fun), "args": list(n.Args), "spread": n.Ellipsis.IsValid()}
	case *ast.UnaryExpr:
		return object{"un": n.Op.String(), "x": tree(n.X)}
	case *ast.BinaryExpr:
		return object{"bin": n.Op.String(), "x": tree(n.X), "y": tree(n.Y)}
	case *ast.ParenExpr:
		return tree(n.X)
	case *ast.StarExpr:
		return object{"star": tree(n.X)}
	case *ast.TypeAssertExpr:
		return object{"assert": tree(n.X), "type": tree(n.Type)}
	case *ast.IndexExpr:
		return object{"index": tree(n.X), "by": []any{tree(n.Index)}}
	case *ast.IndexListExpr:
		return object{"index": tree(n.X), "by": list(n.Indices)}
	case *ast.ArrayType:
		return object{"array": tree(n.Elt)}
	case *ast.MapType:
		return object{"map": tree(n.Value)}
	case *ast.FuncLit:
		return object{"func": list(n.Body.List)}
	case *ast.ReturnStmt:
		return object{"return": list(n.Results)}
	case *ast.AssignStmt:
		return object{"assign": list(n.Lhs), "to": list(n.Rhs)}
	case *ast.ExprStmt:
		return object{"do": tree(n.X)}
	case *ast.IfStmt:
		return object{"if": tree(n.Cond), "init": tree(n.Init), "then": list(n.Body.List), "else": tree(n.Else)}
	case *ast.BlockStmt:
		return object{"block": list(n.List)}
	case *ast.RangeStmt:
		return object{"range": tree(n.X), "value": tree(n.Value), "name": tree(n.Key), "body": list(n.Body.List)}
	case *ast.DeclStmt:
		return tree(n.Decl)
	case *ast.GenDecl:
		made := []any{}
		for _, spec := range n.Specs {
			if value, ok := spec.(*ast.ValueSpec); ok {
				names := []any{}
				for _, name := range value.Names {
					names = append(names, object{"id": name.Name})
				}
				made = append(made, object{"assign": names, "to": list(value.Values)})
			}
		}
		return object{"block": made}
	}
	return nil
}

func resources(doc *ast.CommentGroup, into object, function string) {
	if doc == nil {
		return
	}
	for _, line := range doc.List {
		for _, mark := range []string{"@SDKResource(\"", "@FrameworkResource(\""} {
			if _, rest, found := strings.Cut(line.Text, mark); found {
				name, _, _ := strings.Cut(rest, "\"")
				into[name] = function
			}
		}
	}
}

func main() {
	whole := object{}
	for _, directory := range os.Args[1:] {
		files, _ := filepath.Glob(filepath.Join(directory, "*.go"))
		values, functions, kinds, embeds := object{}, object{}, object{}, object{}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
			if err != nil {
				panic(err)
			}
			for _, declaration := range file.Decls {
				switch d := declaration.(type) {
				case *ast.GenDecl:
					for _, spec := range d.Specs {
						switch s := spec.(type) {
						case *ast.ValueSpec:
							for i, name := range s.Names {
								if i < len(s.Values) {
									values[name.Name] = tree(s.Values[i])
								}
							}
						case *ast.TypeSpec:
							if structure, ok := s.Type.(*ast.StructType); ok {
								inner := []any{}
								for _, field := range structure.Fields.List {
									if len(field.Names) == 0 {
										inner = append(inner, tree(field.Type))
									}
								}
								embeds[s.Name.Name] = inner
							}
						}
					}
				case *ast.FuncDecl:
					name := d.Name.Name
					if d.Recv != nil && len(d.Recv.List) > 0 {
						kind := d.Recv.List[0].Type
						if star, ok := kind.(*ast.StarExpr); ok {
							kind = star.X
						}
						if ident, ok := kind.(*ast.Ident); ok {
							name = ident.Name + "." + name
						}
					}
					parameters := []any{}
					for _, field := range d.Type.Params.List {
						for _, parameter := range field.Names {
							parameters = append(parameters, parameter.Name)
						}
					}
					if d.Body != nil {
						functions[name] = object{"params": parameters, "body": list(d.Body.List)}
					}
					resources(d.Doc, kinds, name)
				}
			}
		}
		whole[filepath.Base(directory)] = object{"values": values, "functions": functions, "kinds": kinds, "embeds": embeds}
	}
	json.NewEncoder(os.Stdout).Encode(whole)
}
