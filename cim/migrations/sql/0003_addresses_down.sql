-- addresses and names
DROP TABLE cim.place_name;
DROP TABLE cim.address;
