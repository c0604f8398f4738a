-- nodes and pipes of a network by their owners' keys
SELECT id, source_key, 'pipe_nodes' AS layer FROM cim.pipe_node
WHERE network = :network AND source_key = ANY(CAST(:keys AS text[]))
UNION ALL
SELECT id, source_key, 'pipes' FROM cim.pipe
WHERE network = :network AND source_key = ANY(CAST(:keys AS text[]))
ORDER BY 2, 1
