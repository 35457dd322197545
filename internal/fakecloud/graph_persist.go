package fakecloud

const graphFile = "graph.json"

func (g *Graph) save(dir string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return saveState(dir, graphFile, &g.graphState)
}

func (g *Graph) load(dir string) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := loadState(dir, graphFile, &g.graphState); err != nil {
		return err
	}
	for _, a := range g.Accounts {
		for _, d := range a.Drives {
			d.Files.reindex(d.itemID)
		}
	}
	return nil
}
